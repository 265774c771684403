//! Where the log begins and ends, partition by partition, and how far behind somebody is.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use brainops_event::{Frontier, Offset, Partition, PartitionCount, Timestamp, TopicId, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use crate::cluster::{ALONE, ANSWER_LIMIT, ClusterError};
use crate::context::LoggingContext;
use crate::native;
use crate::read_only::{ReadOnlyCluster, Readable};

/// How far somebody is behind the end of one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionLag {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The offset that comes next for them.
    pub next: Offset,
    /// The offset after the last record.
    pub end: Offset,
    /// How many offsets lie between; not all need to hold a record.
    pub offsets: u64,
    /// 0 at the end, else the age in seconds of the first record that they do not have, by its recorded time.
    pub seconds: f64,
}

/// A partition of a topic.
pub(crate) type Place = (TopicName, Partition);

/// What a cluster says of one topic.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) id: TopicId,
    pub(crate) partitions: PartitionCount,
}

/// The offset of the first record of every partition, with topic ids.
///
/// # Errors
/// The cluster is silent or refuses, or a topic does not exist.
pub async fn start_frontier(cluster: &impl Readable, topics: &[TopicName]) -> Result<Frontier, ClusterError> {
    edge(cluster.reader(), topics, KafkaOffset::Beginning).await
}

/// The offset after the last record of every partition, with topic ids.
///
/// # Errors
/// The cluster is silent or refuses, or a topic does not exist.
pub async fn end_frontier(cluster: &impl Readable, topics: &[TopicName]) -> Result<Frontier, ClusterError> {
    edge(cluster.reader(), topics, KafkaOffset::End).await
}

/// How far `next` is behind the end of each of its partitions, in offsets and in seconds.
///
/// # Errors
/// The cluster is silent or refuses, or a topic does not exist.
pub async fn lag(cluster: &impl Readable, next: &Frontier) -> Result<Vec<PartitionLag>, ClusterError> {
    let cluster = cluster.reader();
    let places: Vec<(TopicName, Partition)> =
        next.iter().map(|(topic, partition, _)| (topic.clone(), partition)).collect();
    let ends = cluster
        .ask("where the log ends", move |asker| list_offsets(asker, &places, KafkaOffset::End))
        .await?;
    let behind: Frontier = next
        .iter()
        .filter(|(topic, partition, next)| ends.get(topic, *partition).is_some_and(|end| end > *next))
        .map(|(topic, partition, next)| (topic.clone(), partition, next))
        .collect();
    let firsts = first_records(cluster, behind).await?;
    let now = chrono::Utc::now();
    let lags = next.iter().filter_map(|(topic, partition, next)| {
        let end = ends.get(topic, partition)?;
        let first = firsts.get(&(topic.clone(), partition)).copied();
        Some(PartitionLag::new(topic.clone(), partition, next, end, first.map(|time| age(now, time))))
    });
    Ok(lags.collect())
}

impl PartitionLag {
    /// `age`: of the first record at or after `next`, in seconds, if it is known.
    pub(crate) fn new(
        topic: TopicName,
        partition: Partition,
        next: Offset,
        end: Offset,
        age: Option<f64>,
    ) -> PartitionLag {
        let offsets = u64::try_from(end.get() - next.get()).unwrap_or(0);
        let seconds = if offsets == 0 { 0.0 } else { age.unwrap_or(0.0) };
        PartitionLag { topic, partition, next, end, offsets, seconds }
    }
}

/// Seconds from `then` until `now`; clocks of other machines may be ahead of ours, ages are never negative.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> f64 {
    (now - then).to_std().map_or(0.0, |age| age.as_secs_f64())
}

async fn edge(
    cluster: &ReadOnlyCluster,
    topics: &[TopicName],
    which: KafkaOffset,
) -> Result<Frontier, ClusterError> {
    let described = describe_all(cluster, topics).await?;
    let places: Vec<(TopicName, Partition)> =
        described.iter().flat_map(|(topic, found)| partitions(topic, found.partitions)).collect();
    let mut frontier = cluster
        .ask("where the log begins and ends", move |asker| list_offsets(asker, &places, which))
        .await?;
    for (topic, Described { id, .. }) in described {
        frontier.set_topic_id(topic, id);
    }
    Ok(frontier)
}

pub(crate) fn partitions(
    topic: &TopicName,
    count: PartitionCount,
) -> impl Iterator<Item = (TopicName, Partition)> + use<> {
    let topic = topic.clone();
    (0..count.get()).filter_map(move |number| Some((topic.clone(), Partition::new(number).ok()?)))
}

/// Id and partition count of those topics that exist.
pub(crate) async fn describe(
    cluster: &ReadOnlyCluster,
    topics: &[TopicName],
) -> Result<HashMap<TopicName, Described>, ClusterError> {
    let topics = topics.to_vec();
    cluster.ask("which topics there are", move |asker| describe_now(asker, &topics, ANSWER_LIMIT)).await
}

/// Like [`describe`], and all of them must exist.
pub(crate) async fn describe_all(
    cluster: &ReadOnlyCluster,
    topics: &[TopicName],
) -> Result<HashMap<TopicName, Described>, ClusterError> {
    let described = describe(cluster, topics).await?;
    match topics.iter().find(|topic| !described.contains_key(*topic)) {
        None => Ok(described),
        Some(topic) => {
            let servers = cluster.servers().to_owned();
            Err(ClusterError::MissingTopic { topic: topic.clone(), servers })
        }
    }
}

/// Like [`describe`], on this thread, within `limit`.
pub(crate) fn describe_now<C: ConsumerContext>(
    asker: &BaseConsumer<C>,
    topics: &[TopicName],
    limit: Duration,
) -> Result<HashMap<TopicName, Described>, KafkaError> {
    if topics.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<&str> = topics.iter().map(TopicName::as_str).collect();
    let mut described = HashMap::new();
    for native::TopicDescription { name, found } in native::describe_topics(asker.client(), &names, limit)? {
        let Some(topic) = topics.iter().find(|topic| topic.as_str() == name) else { continue };
        match found {
            Ok((id, count)) => {
                let count = i32::try_from(count).ok().and_then(|count| PartitionCount::new(count).ok());
                let partitions = count.ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::BadMessage))?;
                described.insert(topic.clone(), Described { id, partitions });
            }
            Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
            Err(code) => return Err(KafkaError::MetadataFetch(code)),
        }
    }
    Ok(described)
}

/// How long partitions without a leader are waited for: a new topic has none for a moment.
const LEADER_LIMIT: Duration = Duration::from_secs(5);

/// The first or the next offset of each partition, one question per broker; on this thread.
pub(crate) fn list_offsets<C: ConsumerContext>(
    asker: &BaseConsumer<C>,
    places: &[(TopicName, Partition)],
    which: KafkaOffset,
) -> Result<Frontier, KafkaError> {
    while_leaders_move(|| try_list_offsets(asker, places, which))
}

/// Asks again for a while when partitions have no leader.
pub(crate) fn while_leaders_move<T>(mut ask: impl FnMut() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let deadline = Instant::now() + LEADER_LIMIT;
    loop {
        match ask() {
            Err(error) if has_no_leader(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            answer => return answer,
        }
    }
}

fn has_no_leader(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition};
    let moving = [LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition];
    error.rdkafka_error_code().is_some_and(|code| moving.contains(&code))
}

fn try_list_offsets<C: ConsumerContext>(
    asker: &BaseConsumer<C>,
    places: &[(TopicName, Partition)],
    which: KafkaOffset,
) -> Result<Frontier, KafkaError> {
    if places.is_empty() {
        return Ok(Frontier::new());
    }
    let mut question = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        question.add_partition_offset(topic.as_str(), partition.get(), which)?;
    }
    // the protocol's times -2 and -1 stand for the first and the next offset
    let answer = asker.offsets_for_times(question, ANSWER_LIMIT)?;
    let mut frontier = Frontier::new();
    for element in answer.elements() {
        element.error()?;
        let place = place_of(places, element.topic(), element.partition());
        let offset = element.offset().to_raw().and_then(|raw| Offset::new(raw).ok());
        match (place, offset) {
            (Some((topic, partition)), Some(offset)) => {
                frontier.set(topic.clone(), *partition, offset);
            }
            _ => return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::BadMessage)),
        }
    }
    Ok(frontier)
}

/// One of these places, by what Kafka calls it.
pub(crate) fn place_of<'a>(places: &'a [Place], topic: &str, partition: i32) -> Option<&'a Place> {
    places
        .iter()
        .find(|(its_topic, its_partition)| its_partition.get() == partition && its_topic.as_str() == topic)
}

/// When the first record at or after each offset was recorded. One that does not come in time is left out.
pub(crate) async fn first_records(
    cluster: &ReadOnlyCluster,
    behind: Frontier,
) -> Result<HashMap<(TopicName, Partition), Timestamp>, ClusterError> {
    if behind.is_empty() {
        return Ok(HashMap::new());
    }
    let question = "how old the first records behind are";
    let mut config = cluster.consumer(ALONE);
    // only the first record of each partition is looked at
    config.set("max.partition.fetch.bytes", "16384").set("queued.max.messages.kbytes", "4096");
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer<LoggingContext> = config.create_with_context(LoggingContext)?;
        peek(&consumer, &behind)
    });
    match asked.await {
        Ok(answer) => answer.map_err(|source| cluster.error(question, source)),
        Err(_) => Err(cluster.error(question, KafkaError::Canceled)),
    }
}

const PEEK_LIMIT: Duration = Duration::from_secs(5);

fn peek(
    consumer: &BaseConsumer<LoggingContext>,
    behind: &Frontier,
) -> Result<HashMap<(TopicName, Partition), Timestamp>, KafkaError> {
    let mut assignment = TopicPartitionList::with_capacity(behind.len());
    for (topic, partition, next) in behind.iter() {
        let offset = KafkaOffset::Offset(next.get());
        assignment.add_partition_offset(topic.as_str(), partition.get(), offset)?;
    }
    consumer.assign(&assignment)?;
    let mut found = HashMap::new();
    let deadline = Instant::now() + PEEK_LIMIT;
    while found.len() < behind.len() && Instant::now() < deadline {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let Ok(message) = message else { continue }; // out of range or a broker away: it stays unknown
        let place = behind.iter().find(|(topic, partition, _)| {
            partition.get() == message.partition() && topic.as_str() == message.topic()
        });
        let Some((topic, partition, _)) = place else { continue };
        if let Some(time) = crate::records::recorded_at(&message) {
            found.entry((topic.clone(), partition)).or_insert(time);
        }
        let mut done = TopicPartitionList::new();
        done.add_partition(message.topic(), message.partition());
        consumer.pause(&done)?;
    }
    Ok(found)
}
