//! An assignment on its way: what the cluster knows of the partitions, the question to the caller, its answer.
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use brainops_event::{Frontier, Offset, Partition, TopicName};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::assignment::{AssignedPartition, Assignment};
use super::context::GroupContext;
use crate::cluster::{ANSWER_LIMIT as ASK_LIMIT, ClusterError, is_silence};
use crate::frontier::{describe_now, list_offsets};
use crate::intake::Begin;
use crate::read_error::ReadError;
use crate::read_only::ReadOnlyCluster;

/// How long the caller may take to answer; the group waits meanwhile.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long until a silent cluster is asked again.
const RETRY: Duration = Duration::from_secs(1);

type Answer = Vec<(TopicName, Partition, Offset)>;

pub(super) struct Pending {
    list: TopicPartitionList,
    stage: Stage,
}

enum Stage {
    /// The cluster is to be asked about the partitions.
    Look { not_before: Instant },
    /// The caller was asked.
    Asked { begins: Vec<Begin>, answer: Receiver<Answer>, since: Instant },
}

pub(super) enum Progress {
    Waiting,
    Ask(Assignment),
    Begin(Vec<Begin>),
}

impl Pending {
    pub(super) fn new(list: TopicPartitionList) -> Pending {
        Pending { list, stage: Stage::Look { not_before: Instant::now() } }
    }

    pub(super) fn list(&self) -> &TopicPartitionList {
        &self.list
    }

    /// Goes a step further, if one can be made.
    pub(super) fn advance(
        &mut self,
        cluster: &ReadOnlyCluster,
        consumer: &BaseConsumer<GroupContext>,
        topics: &[TopicName],
    ) -> Result<Progress, ReadError> {
        match &mut self.stage {
            Stage::Look { not_before } if *not_before > Instant::now() => Ok(Progress::Waiting),
            Stage::Look { not_before } => {
                let places = named(topics, &self.list);
                if places.is_empty() {
                    return Ok(Progress::Begin(Vec::new())); // the client wants an answer all the same
                }
                match look(cluster, consumer, &places) {
                    Ok(begins) => Ok(self.ask(begins)),
                    Err(ReadError::Cluster(ClusterError::NoAnswer { source, .. })) => {
                        tracing::warn!(error = %source, "new partitions wait, the cluster says nothing of them");
                        *not_before = Instant::now() + RETRY;
                        Ok(Progress::Waiting)
                    }
                    Err(error) => Err(error),
                }
            }
            Stage::Asked { begins, answer, since } => match answer.try_recv() {
                Ok(answer) => begin(cluster, consumer, std::mem::take(begins), &answer).map(Progress::Begin),
                Err(TryRecvError::Empty) if since.elapsed() < ANSWER_LIMIT => Ok(Progress::Waiting),
                Err(_) => Err(ReadError::Unanswered { limit: ANSWER_LIMIT }),
            },
        }
    }

    fn ask(&mut self, begins: Vec<Begin>) -> Progress {
        let assigned = |begin: &Begin| AssignedPartition {
            topic: begin.topic.clone(),
            topic_id: begin.topic_id.clone(),
            partition: begin.partition,
            low: begin.low,
            end: begin.end,
        };
        let partitions = begins.iter().map(assigned).collect();
        let (sender, answer) = channel();
        self.stage = Stage::Asked { begins, answer, since: Instant::now() };
        Progress::Ask(Assignment { partitions, answer: sender, thread: std::thread::current() })
    }
}

/// The partitions of a list, by our own names of their topics.
pub(super) fn named(topics: &[TopicName], list: &TopicPartitionList) -> Vec<(TopicName, Partition)> {
    let elements = list.elements();
    let place = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let topic = topics.iter().find(|topic| topic.as_str() == element.topic())?;
        Some((topic.clone(), Partition::new(element.partition()).ok()?))
    };
    elements.iter().filter_map(place).collect()
}

/// Asks the cluster what it knows of partitions. They begin at their end until the caller says otherwise.
fn look(
    cluster: &ReadOnlyCluster,
    consumer: &BaseConsumer<GroupContext>,
    places: &[(TopicName, Partition)],
) -> Result<Vec<Begin>, ReadError> {
    let question = "what it knows of new partitions";
    let failed = |source: KafkaError| ReadError::Cluster(cluster.error(question, source));
    let mut topics: Vec<TopicName> = places.iter().map(|(topic, _)| topic.clone()).collect();
    topics.dedup();
    let described = describe_now(consumer, &topics, ASK_LIMIT).map_err(failed)?;
    let lows = list_offsets(consumer, places, KafkaOffset::Beginning).map_err(failed)?;
    let ends = list_offsets(consumer, places, KafkaOffset::End).map_err(failed)?;
    let begin = |(topic, partition): &(TopicName, Partition)| {
        let missing =
            || ClusterError::MissingTopic { topic: topic.clone(), servers: cluster.servers().to_owned() };
        let described = described.get(topic).ok_or_else(missing)?;
        let end = ends.get(topic, *partition).ok_or_else(missing)?;
        Ok(Begin {
            topic: topic.clone(),
            topic_id: described.id.clone(),
            partitions: described.partitions,
            partition: *partition,
            low: lows.get(topic, *partition).ok_or_else(missing)?,
            end,
            start: end,
            until: None,
        })
    };
    places.iter().map(begin).collect()
}

/// Puts the answer's offsets in, each checked against the log as it is now.
fn begin(
    cluster: &ReadOnlyCluster,
    consumer: &BaseConsumer<GroupContext>,
    mut begins: Vec<Begin>,
    answer: &Answer,
) -> Result<Vec<Begin>, ReadError> {
    for begin in &mut begins {
        let mut offsets = answer
            .iter()
            .filter(|(topic, partition, _)| *topic == begin.topic && *partition == begin.partition);
        let (first, others) = (offsets.next(), offsets.count());
        match (first, others) {
            (Some((_, _, offset)), 0) => begin.start = *offset,
            (first, others) => {
                let (topic, partition) = (begin.topic.clone(), begin.partition);
                let found = others + usize::from(first.is_some());
                return Err(ReadError::Answer { topic, partition, found });
            }
        }
    }
    check(cluster, consumer, &mut begins)?;
    Ok(begins)
}

/// A start outside of the log is an error that names both; the log may have grown since it was looked at.
pub(crate) fn check(
    cluster: &ReadOnlyCluster,
    consumer: &BaseConsumer<impl rdkafka::consumer::ConsumerContext>,
    begins: &mut [Begin],
) -> Result<(), ReadError> {
    let beyond: Vec<_> = begins
        .iter()
        .filter(|begin| begin.start > begin.end)
        .map(|begin| (begin.topic.clone(), begin.partition))
        .collect();
    let ends = match list_offsets(consumer, &beyond, KafkaOffset::End) {
        Ok(ends) => ends,
        Err(error) if is_silence(&error) => Frontier::new(), // judged by what is known
        Err(error) => return Err(ReadError::Cluster(cluster.error("where the log ends", error))),
    };
    for begin in begins {
        if let Some(end) = ends.get(&begin.topic, begin.partition) {
            begin.end = end;
        }
        if begin.start < begin.low || begin.start > begin.end {
            return Err(ReadError::OutOfRange {
                topic: begin.topic.clone(),
                partition: begin.partition,
                wanted: begin.start,
                low: begin.low,
                end: begin.end,
            });
        }
    }
    Ok(())
}
