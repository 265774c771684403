//! Reads from one frontier up to another, once, alone: for the command line, for tests, for what is rebuilt.
use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use brainops_event::{Frontier, Offset, Partition, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::batch::Batch;
use crate::cluster::{ALONE, Cluster};
use crate::context::LoggingContext;
use crate::follower::failure;
use crate::frontier::{describe_all, list_offsets};
use crate::intake::{Begin, Gathered, Intake, Limits};
use crate::native::RawMessage;
use crate::read_error::ReadError;
use crate::registry::Registry;
use crate::resolve::{RETRY, Resolved, Resolver, UNKNOWN_PATIENCE};

/// How long nothing may come before reading gives up.
const STALL_LIMIT: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits { records: 5000, bytes: 8 * 1024 * 1024 };
/// How long a batch gathers after its first record.
const GATHER: Duration = Duration::from_millis(20);

/// Batches between two frontiers.
#[derive(Debug)]
pub struct Reading {
    resolver: Resolver,
    batches: mpsc::Receiver<Result<Gathered, ReadError>>,
    resolving: Option<Gathered>,
    _thread: JoinHandle<()>,
}

/// Reads every partition of `to`, from its offset in `from` (0 where `from` does not know it) until its offset in
/// `to`, which is not read itself. Verdicts are those of a reader from zero.
///
/// # Errors
/// A topic does not exist or has another id than a frontier says, an offset is outside of the log, or the cluster
/// is silent.
pub async fn read(
    cluster: &Cluster,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
) -> Result<Reading, ReadError> {
    begin(cluster, registry, from, to, UNKNOWN_PATIENCE).await
}

/// As [`read()`], but a schema of which the registry says that it is unknown is poison at once, not after a minute:
/// for who looks again at records that were waited for already.
///
/// # Errors
/// As [`read()`].
pub async fn read_judging_schemas_at_once(
    cluster: &Cluster,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
) -> Result<Reading, ReadError> {
    begin(cluster, registry, from, to, Duration::ZERO).await
}

async fn begin(
    cluster: &Cluster,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
    unknown_schema_patience: Duration,
) -> Result<Reading, ReadError> {
    let begins = begins(cluster, from, to).await?;
    let ends: BTreeMap<(TopicName, Partition), Offset> =
        to.iter().map(|(topic, partition, end)| ((topic.clone(), partition), end)).collect();
    let (sender, batches) = mpsc::channel(1);
    let consumer = cluster
        .consumer(ALONE)
        .set("queued.max.messages.kbytes", "16384")
        .create_with_context(LoggingContext)
        .map_err(ReadError::Client)?;
    let reader = Reader { cluster: cluster.clone(), consumer, intake: Intake::new(LIMITS), ends, sender };
    let spawned = std::thread::Builder::new().name("read".to_owned()).spawn(move || reader.run(begins));
    let thread = spawned
        .map_err(|error| ReadError::Client(rdkafka::error::KafkaError::ClientCreation(error.to_string())))?;
    let resolver = Resolver::new(registry, unknown_schema_patience);
    Ok(Reading { resolver, batches, resolving: None, _thread: thread })
}

impl Reading {
    /// The next batch; nothing after the last. Waits while the registry cannot be asked. May be dropped and called
    /// again without losing anything.
    pub async fn next(&mut self) -> Option<Result<Batch, ReadError>> {
        if self.resolving.is_none() {
            match self.batches.recv().await? {
                Ok(gathered) => self.resolving = Some(gathered),
                Err(error) => return Some(Err(error)),
            }
        }
        let gathered = self.resolving.as_ref()?;
        loop {
            match self.resolver.resolve(gathered).await {
                Resolved::All => break,
                Resolved::Waiting => {}
                Resolved::Unknown(_) => tokio::time::sleep(RETRY).await, // who reads alone holds up nobody
            }
        }
        let gathered = self.resolving.take()?;
        Some(Ok(self.resolver.finish(gathered, None)))
    }
}

async fn begins(cluster: &Cluster, from: &Frontier, to: &Frontier) -> Result<Vec<Begin>, ReadError> {
    let topics: Vec<TopicName> = to.topics().cloned().collect();
    let described = describe_all(cluster, &topics).await?;
    for frontier in [from, to] {
        for (topic, found) in &described {
            let Some(expected) = frontier.topic_id(topic).filter(|expected| **expected != found.id) else {
                continue;
            };
            let (topic, expected, found) = (topic.clone(), expected.clone(), found.id.clone());
            return Err(ReadError::OtherTopic { topic, expected, found });
        }
    }
    let places: Vec<(TopicName, Partition)> =
        to.iter().map(|(topic, partition, _)| (topic.clone(), partition)).collect();
    let ask = move |asker: &BaseConsumer<LoggingContext>| {
        let lows = list_offsets(asker, &places, KafkaOffset::Beginning)?;
        Ok((lows, list_offsets(asker, &places, KafkaOffset::End)?))
    };
    let (lows, ends) = cluster.ask("where the log begins and ends", ask).await?;
    let mut begins = Vec::with_capacity(to.len());
    for (topic, partition, until) in to.iter() {
        let start = from.get(topic, partition).unwrap_or(Offset::ZERO);
        let low = lows.get(topic, partition).unwrap_or(Offset::ZERO);
        let end = ends.get(topic, partition).unwrap_or(Offset::ZERO);
        for wanted in [start, until] {
            if wanted < low || wanted > end {
                let topic = topic.clone();
                return Err(ReadError::OutOfRange { topic, partition, wanted, low, end });
            }
        }
        if let Some(found) = described.get(topic).filter(|_| start < until) {
            let (topic, topic_id, partitions) = (topic.clone(), found.id.clone(), found.partitions);
            begins.push(Begin { topic, topic_id, partitions, partition, low, end, start });
        }
    }
    Ok(begins)
}

struct Reader {
    cluster: Cluster,
    consumer: BaseConsumer<LoggingContext>,
    intake: Intake,
    /// Where reading ends, of partitions that have not come there.
    ends: BTreeMap<(TopicName, Partition), Offset>,
    sender: mpsc::Sender<Result<Gathered, ReadError>>,
}

impl Reader {
    fn run(mut self, begins: Vec<Begin>) {
        self.ends.retain(|(topic, partition), _| {
            begins.iter().any(|begin| begin.topic == *topic && begin.partition == *partition)
        });
        if let Err(error) = self.read(begins) {
            self.sender.blocking_send(Err(error)).ok(); // nobody listens: nobody wants to know
        }
    }

    fn read(&mut self, begins: Vec<Begin>) -> Result<(), ReadError> {
        let mut list = TopicPartitionList::with_capacity(begins.len());
        for begin in begins {
            let from = KafkaOffset::Offset(begin.refill_from().get());
            list.add_partition_offset(begin.topic.as_str(), begin.partition.get(), from)
                .map_err(ReadError::Client)?;
            self.intake.insert(begin);
        }
        self.consumer.assign(&list).map_err(ReadError::Client)?;
        let mut since = Instant::now();
        let mut gathering_since = None;
        while !self.ends.is_empty() && !self.sender.is_closed() {
            if self.take_one()? {
                since = Instant::now();
                gathering_since.get_or_insert(since);
            } else if since.elapsed() > STALL_LIMIT {
                return Err(self.stalled());
            }
            if self.intake.is_full() || gathering_since.is_some_and(|since| since.elapsed() > GATHER) {
                self.hand_on();
                gathering_since = None;
                since = Instant::now(); // the caller may have taken its time
            }
        }
        self.hand_on();
        Ok(())
    }

    /// Takes a message, if one comes soon.
    fn take_one(&mut self) -> Result<bool, ReadError> {
        let message = match self.consumer.poll(GATHER) {
            None => return Ok(false),
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                failure::judge(&self.cluster, &self.consumer, &self.intake, error)?;
                return Ok(false);
            }
        };
        let place = self.ends.keys().find(|(topic, partition)| {
            partition.get() == message.partition() && topic.as_str() == message.topic()
        });
        let Some(place) = place.cloned() else { return Ok(true) }; // it came there before
        let end = self.ends.get(&place).map_or(0, |end| end.get());
        if message.offset() < end {
            let raw = RawMessage::from(&message);
            if self.intake.is_full_for(raw) {
                let gathered = self.intake.hand_on(|_, _| None);
                send(&self.sender, gathered);
            }
            self.intake.take(raw);
        }
        if message.offset() + 1 >= end {
            self.ends.remove(&place);
        }
        Ok(true)
    }

    fn hand_on(&mut self) {
        let gathered = self.intake.hand_on(|_, _| None);
        send(&self.sender, gathered);
    }

    fn stalled(&self) -> ReadError {
        let next = |topic: &TopicName, partition: Partition| {
            let mut places = self.intake.places();
            let place = places.find(|(begin, _)| begin.topic == *topic && begin.partition == partition);
            place.map_or(Offset::ZERO, |(_, seen)| seen)
        };
        match self.ends.first_key_value() {
            None => ReadError::Ended,
            Some(((topic, partition), to)) => ReadError::Stalled {
                topic: topic.clone(),
                partition: *partition,
                next: next(topic, *partition),
                to: *to,
                limit: STALL_LIMIT,
            },
        }
    }
}

/// Waits for room. That nobody listens any more is seen by the loop.
fn send(sender: &mpsc::Sender<Result<Gathered, ReadError>>, gathered: Option<Gathered>) {
    if let Some(gathered) = gathered {
        sender.blocking_send(Ok(gathered)).ok();
    }
}
