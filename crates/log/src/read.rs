//! Reads from one frontier up to another, once, alone: for the command line, for tests, for what is rebuilt.
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use brainops_event::{Frontier, Offset, Partition, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::batch::Batch;
use crate::cluster::ALONE;
use crate::context::LoggingContext;
use crate::follower::failure;
use crate::frontier::{describe_all, list_offsets};
use crate::intake::{Begin, Gathered, Intake, Limits};
use crate::native::{FetchQueue, RawMessage};
use crate::read_error::ReadError;
use crate::read_only::{ReadOnlyCluster, Readable};
use crate::registry::Registry;
use crate::resolve::{RETRY, Resolved, Resolver, UNKNOWN_PATIENCE};

/// How long nothing may come before reading gives up.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// How long a batch gathers after its first record while the client has no more and somebody waits for it, and the
/// longest wait of one turn.
const GATHER: Duration = Duration::from_millis(20);
/// Messages taken in one turn.
const TURN_MESSAGES: usize = 1000;

/// How much is read at once, and how long schemas that the registry does not have are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// The most records of a batch, 5000 unless set. One is always taken.
    pub records: usize,
    /// The most bytes of keys, values and headers of a batch, 8 MiB unless set; a record that is larger alone comes
    /// alone. Up to four batches are in memory at once, beside the client's queue of 16 MiB.
    pub bytes: usize,
    /// How long the registry must go on saying that it has no such schema until the record is poison, a minute unless
    /// set; zero is for who looks again at records that were waited for already.
    pub unknown_schema_patience: Duration,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions { records: 5000, bytes: 8 * 1024 * 1024, unknown_schema_patience: UNKNOWN_PATIENCE }
    }
}

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
    cluster: &impl Readable,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
) -> Result<Reading, ReadError> {
    begin(cluster.reader(), registry, from, to, ReadOptions::default()).await
}

/// As [`read()`], but a schema of which the registry says that it is unknown is poison at once, not after a minute:
/// for who looks again at records that were waited for already.
///
/// # Errors
/// As [`read()`].
pub async fn read_judging_schemas_at_once(
    cluster: &impl Readable,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
) -> Result<Reading, ReadError> {
    let options = ReadOptions { unknown_schema_patience: Duration::ZERO, ..ReadOptions::default() };
    begin(cluster.reader(), registry, from, to, options).await
}

/// As [`read()`], in batches as large as wanted.
///
/// # Errors
/// As [`read()`].
pub async fn read_with(
    cluster: &impl Readable,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
    options: ReadOptions,
) -> Result<Reading, ReadError> {
    begin(cluster.reader(), registry, from, to, options).await
}

async fn begin(
    cluster: &ReadOnlyCluster,
    registry: &Registry,
    from: &Frontier,
    to: &Frontier,
    options: ReadOptions,
) -> Result<Reading, ReadError> {
    let begins = begins(cluster, from, to).await?;
    let (sender, batches) = mpsc::channel(1);
    let consumer: BaseConsumer<LoggingContext> = cluster
        .consumer(ALONE)
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.queue.backoff.ms", "5") // the default lets a queue that was full run empty for a second
        .create_with_context(LoggingContext)
        .map_err(ReadError::Client)?;
    let reader = Reader {
        cluster: cluster.clone(),
        queue: FetchQueue::new(consumer.client()),
        consumer,
        intake: Intake::new(options.limits()),
        sender,
    };
    let spawned = std::thread::Builder::new().name("read".to_owned()).spawn(move || reader.run(begins));
    let thread = spawned
        .map_err(|error| ReadError::Client(rdkafka::error::KafkaError::ClientCreation(error.to_string())))?;
    let resolver = Resolver::new(registry, options.unknown_schema_patience);
    Ok(Reading { resolver, batches, resolving: None, _thread: thread })
}

impl ReadOptions {
    pub(crate) fn limits(&self) -> Limits {
        Limits { records: self.records.max(1), bytes: self.bytes }
    }
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

async fn begins(cluster: &ReadOnlyCluster, from: &Frontier, to: &Frontier) -> Result<Vec<Begin>, ReadError> {
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
            let until = Some(until);
            begins.push(Begin { topic, topic_id, partitions, partition, low, end, start, until });
        }
    }
    Ok(begins)
}

struct Reader {
    cluster: ReadOnlyCluster,
    /// Before the consumer that it was made of: fields are dropped in this order.
    queue: FetchQueue,
    consumer: BaseConsumer<LoggingContext>,
    intake: Intake,
    sender: mpsc::Sender<Result<Gathered, ReadError>>,
}

impl Reader {
    fn run(mut self, begins: Vec<Begin>) {
        if let Err(error) = self.read(begins) {
            self.sender.blocking_send(Err(error)).ok(); // nobody listens: nobody wants to know
        }
    }

    fn read(&mut self, begins: Vec<Begin>) -> Result<(), ReadError> {
        self.assign(begins)?;
        let mut since = Instant::now();
        let mut gathering_since = None;
        while self.intake.is_unfinished() && !self.sender.is_closed() {
            self.serve_events()?;
            let most = self.intake.room().clamp(1, TURN_MESSAGES);
            let taken = self.gather(most)?;
            if taken > 0 {
                since = Instant::now();
                gathering_since.get_or_insert(since);
                self.pause_finished()?;
            } else if since.elapsed() > STALL_LIMIT {
                return Err(self.stalled());
            }
            let is_drained = taken < most;
            let is_late = gathering_since.is_some_and(|since| since.elapsed() > GATHER);
            if self.intake.is_full() || is_drained && is_late && self.sender.capacity() > 0 {
                send(&self.sender, self.intake.hand_on(|_, _| None));
                gathering_since = None;
                since = Instant::now(); // the caller may have taken its time
            } else if is_drained {
                std::thread::park_timeout(GATHER); // whatever comes unparks
            }
        }
        send(&self.sender, self.intake.hand_on(|_, _| None));
        Ok(())
    }

    fn assign(&mut self, begins: Vec<Begin>) -> Result<(), ReadError> {
        let mut list = TopicPartitionList::with_capacity(begins.len());
        for begin in begins {
            let from = KafkaOffset::Offset(begin.refill_from().get());
            list.add_partition_offset(begin.topic.as_str(), begin.partition.get(), from)
                .map_err(ReadError::Client)?;
            self.queue.lead_here(self.consumer.client(), &begin.c_topic(), begin.partition.get());
            self.intake.insert(begin);
        }
        self.queue.wake(std::thread::current());
        self.consumer.assign(&list).map_err(ReadError::Client)
    }

    /// Lets the client report what went wrong. Records come through a queue of their own.
    fn serve_events(&mut self) -> Result<(), ReadError> {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            match polled {
                Ok(message) => self.intake.take(RawMessage::from(&message)),
                Err(error) => failure::judge(&self.cluster, &self.consumer, &self.intake, error)?,
            }
        }
        Ok(())
    }

    /// Takes what the client has, and says how much that was.
    fn gather(&mut self, most: usize) -> Result<usize, ReadError> {
        let (intake, sender) = (&mut self.intake, &self.sender);
        let taken = self.queue.take(most, |message| {
            if intake.is_full_for(message) {
                send(sender, intake.hand_on(|_, _| None));
            }
            intake.take(message);
        });
        match taken {
            Ok(taken) => Ok(taken),
            Err(error) => {
                failure::judge(&self.cluster, &self.consumer, &self.intake, error)?;
                Ok(0)
            }
        }
    }

    /// Fetches no more of partitions that were read to their ends.
    fn pause_finished(&mut self) -> Result<(), ReadError> {
        let mut list = TopicPartitionList::new();
        for begin in self.intake.hold_finished() {
            list.add_partition(begin.topic.as_str(), begin.partition.get());
        }
        if list.count() > 0 && self.intake.is_unfinished() {
            self.consumer.pause(&list).map_err(ReadError::Client)?;
        }
        Ok(())
    }

    fn stalled(&self) -> ReadError {
        let mut places = self.intake.places();
        let unfinished = places.find_map(|(begin, next)| {
            let until = begin.until.filter(|until| next < *until)?;
            Some((begin, next, until))
        });
        match unfinished {
            None => ReadError::Ended,
            Some((begin, next, to)) => {
                let (topic, partition) = (begin.topic.clone(), begin.partition);
                ReadError::Stalled { topic, partition, next, to, limit: STALL_LIMIT }
            }
        }
    }
}

/// Waits for room. That nobody listens any more is seen by the loop.
fn send(sender: &mpsc::Sender<Result<Gathered, ReadError>>, gathered: Option<Gathered>) {
    if let Some(gathered) = gathered {
        sender.blocking_send(Ok(gathered)).ok();
    }
}
