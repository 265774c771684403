//! Follows topics as one member of a consumer group: whoever owns a partition gets its records, judged, in order.
//!
//! ```text
//!   broker ── consumer thread ── bounded channel ── Follower::next
//!               polls, judges,        one batch       looks up schemas,
//!               gathers               at most         hands out signals
//! ```
//!
//! **Where to go on from** is the caller's to say: each assignment asks for offsets, which the caller keeps beside
//! what it made of the records. The broker's committed offset is a hint for people, never read here.
//!
//! **Batches.** A record is handed over at once when nothing more is known to be there and the caller waits. While the
//! caller works, the thread gathers the next batch; so batches grow with the load, up to [`FollowerConfig::max_records`],
//! and up to [`FollowerConfig::catch_up`] when even more is known to be there.
//!
//! **Back-pressure and memory.** Two batches are in memory at most, the caller's and the next one; besides, the client's
//! queue ([`CLIENT_QUEUE_BYTES`]) and the windows ([`WINDOW_BYTES`](crate::WINDOW_BYTES) for each partition). When the next batch is full, the
//! thread takes nothing more from the client, which stops fetching; the group keeps this member however long a batch
//! takes.
//!
//! **Verdicts.** Before a partition is delivered from its offset on, the 65,536 offsets before it are shown to its
//! window, so that the verdicts are those of a reader from zero.
//!
//! **What is waited for**: a broker that is away, and a registry that cannot be asked; [`Signal::Idle`] goes on
//! meanwhile, so that the caller can say that it lives. A record whose schema the registry does not have holds up its
//! own partition only. What cannot pass is [`Signal::Failed`], the last signal.
//!
//! Partitions move one by one: a member that comes or goes does not stop the others. The classic protocol is the
//! default although the newer one is quicker where it works (benches/rebalance): the client's form of it in librdkafka
//! 2.12 is reported to stand still for minutes, and in silence, while members come and go
//! (`Blizzard/node-rdkafka#1146`; mended in 2.15), and how soon it misses a killed member is the broker's to say.
mod assignment;
mod context;
pub(crate) mod failure;
mod hint;
mod kept_back;
mod lag;
mod messages;
pub(crate) mod pending;
mod settings;
mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use brainops_event::{Partition, TopicName};
use metrics::counter;
use tokio::sync::mpsc;

pub use assignment::{AssignedPartition, Assignment};
use kept_back::KeptBack;
use lag::KnownLag;
use messages::{Command, Ends, Message};
use thread::FollowerThread;

pub use settings::{CLIENT_QUEUE_BYTES, GroupProtocol};

use crate::batch::{Batch, Place, Span};
use crate::frontier::{PartitionLag, describe_all};
use crate::intake::{Gathered, Limits};
use crate::metrics::{CONSUMED_RECORDS, DUPLICATE_RECORDS, MISPLACED_RECORDS};
use crate::read_error::ReadError;
use crate::read_only::Readable;
use crate::registry::Registry;
use crate::resolve::{Resolved, Resolver, UNKNOWN_PATIENCE};

/// What to follow, and how much of it to take at once.
#[derive(Debug, Clone)]
pub struct FollowerConfig {
    /// The consumer group, without the prefix that it gets like topics do; its members share the partitions.
    pub group: String,
    /// The topics, by their full names.
    pub topics: Vec<TopicName>,
    /// How many records a batch has at most. Default: 5,000.
    pub max_records: usize,
    /// How many bytes of keys, values and headers a batch has at most, unless a single record is larger.
    /// Default: 8 MiB. Two batches may be in memory at a time.
    pub max_bytes: usize,
    /// How long a batch gathers after its first record while more is known to be there and the caller waits.
    /// Default: 100 ms.
    pub max_wait: Duration,
    /// How large a batch may become when more than another `max_records` are known to be there. Default: `None`, as
    /// large as ever.
    pub catch_up: Option<CatchUp>,
    /// How the group shares its partitions; the same for all its members. Default: [`GroupProtocol::Classic`].
    pub protocol: GroupProtocol,
    /// How long the registry must go on saying that it has no such schema until the record is poison. Default: 1 min.
    pub unknown_schema_patience: Duration,
}

/// How large a batch may become while its reader is far behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatchUp {
    /// How many records. Default: 50,000.
    pub records: usize,
    /// How many bytes of keys, values and headers. Default: 16 MiB.
    pub bytes: usize,
}

impl Default for CatchUp {
    fn default() -> CatchUp {
        CatchUp { records: 50_000, bytes: 16 * 1024 * 1024 }
    }
}

impl FollowerConfig {
    /// The defaults.
    pub fn new(group: impl Into<String>, topics: Vec<TopicName>) -> FollowerConfig {
        FollowerConfig {
            group: group.into(),
            topics,
            max_records: 5000,
            max_bytes: 8 * 1024 * 1024,
            max_wait: Duration::from_millis(100),
            catch_up: None,
            protocol: GroupProtocol::default(),
            unknown_schema_patience: UNKNOWN_PATIENCE,
        }
    }

    fn limits(&self) -> Limits {
        Limits { records: self.max_records.max(1), bytes: self.max_bytes.max(1) }
    }
}

/// What a follower has to say.
#[derive(Debug)]
pub enum Signal {
    /// These partitions are ours now; answer where to go on from.
    Assigned(Assignment),
    /// These are no longer ours. Batches that hold records of them may have come just before.
    Revoked(Vec<(TopicName, Partition)>),
    /// Records. The next call of [`Follower::next`] says that they were dealt with.
    Batch(Batch),
    /// Nothing came for a second; how far behind we are.
    Idle(Vec<PartitionLag>),
    /// Reading has ended and does not begin again by itself.
    Failed(ReadError),
}

/// A member of a consumer group.
#[derive(Debug)]
pub struct Follower {
    group: Arc<str>,
    resolver: Resolver,
    messages: mpsc::Receiver<Message>,
    commands: std::sync::mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
    /// Whether a batch is waited for.
    wanting: Arc<AtomicBool>,
    /// Taken from the thread, not yet handed out: its schemas are being looked up.
    resolving: Option<Gathered>,
    kept_back: KeptBack,
    /// Of the batch that was handed out last.
    handed_out: Vec<Span>,
    lag: KnownLag,
}

impl Follower {
    /// Joins the group. The first signal is usually [`Signal::Assigned`].
    ///
    /// # Errors
    /// A topic does not exist, the cluster is silent, or the client cannot be made.
    pub async fn start(
        cluster: &impl Readable,
        registry: &Registry,
        config: FollowerConfig,
    ) -> Result<Follower, ReadError> {
        let cluster = cluster.reader();
        describe_all(cluster, &config.topics).await?;
        let (message_sender, messages) = mpsc::channel(1);
        let (commands, command_receiver) = std::sync::mpsc::channel();
        let wanting = Arc::new(AtomicBool::new(false));
        let group: Arc<str> = config.group.as_str().into();
        let resolver = Resolver::new(registry, config.unknown_schema_patience);
        let lag = KnownLag::new(config.group.clone());
        let ends =
            Ends { messages: message_sender, commands: command_receiver, wanting: Arc::clone(&wanting) };
        let thread = FollowerThread::start(cluster, config, ends)?;
        Ok(Follower {
            group,
            resolver,
            messages,
            commands,
            thread: Some(thread),
            wanting,
            resolving: None,
            kept_back: KeptBack::default(),
            handed_out: Vec::new(),
            lag,
        })
    }

    /// The next signal; at least one each second or so. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Signal {
        if !self.handed_out.is_empty() {
            let spans = std::mem::take(&mut self.handed_out);
            self.tell(Command::DealtWith(spans));
        }
        loop {
            if let Some(gathered) = &self.resolving {
                match self.resolver.resolve(gathered).await {
                    Resolved::All => {}
                    Resolved::Waiting => return Signal::Idle(lag_of_waiting(gathered)),
                    Resolved::Unknown(index) => {
                        self.keep_back(index);
                        continue;
                    }
                }
            }
            if let Some(gathered) = self.resolving.take() {
                let batch = self.resolver.finish(gathered, Some(Arc::clone(&self.group)));
                self.let_go_on();
                if !batch.is_empty() {
                    return Signal::Batch(self.hand_out(batch));
                }
            }
            self.resolving = self.kept_back.due();
            if self.resolving.is_none()
                && let Some(signal) = self.receive().await
            {
                return signal;
            }
        }
    }

    /// Waits for a message, or until something is to be looked at again.
    async fn receive(&mut self) -> Option<Signal> {
        if self.messages.is_empty() {
            self.wanting.store(true, Ordering::Release);
            self.wake();
        }
        let message = match self.kept_back.next_due() {
            None => self.messages.recv().await,
            Some(due) => tokio::time::timeout_at(due.into(), self.messages.recv()).await.ok()?,
        };
        match message {
            Some(Message::Gathered(mut gathered)) => {
                self.kept_back.follow(&mut gathered);
                self.resolving = Some(gathered);
                None
            }
            Some(Message::Assigned(assignment)) => Some(Signal::Assigned(assignment)),
            Some(Message::Revoked(partitions)) => {
                self.kept_back.forget(&partitions);
                self.lag.forget(&partitions);
                Some(Signal::Revoked(partitions))
            }
            Some(Message::Idle(mut lags)) => {
                self.kept_back.correct(&mut lags);
                self.lag.learn(&lags);
                Some(Signal::Idle(lags))
            }
            Some(Message::Failed(error)) => Some(Signal::Failed(error)),
            None => Some(Signal::Failed(ReadError::Ended)),
        }
    }

    /// Keeps the record of this number and all after it of its partition back.
    fn keep_back(&mut self, index: usize) {
        let Some(gathered) = &mut self.resolving else { return };
        let Some(record) = gathered.records.list.get(index) else { return };
        let Place { topic, partition, .. } = gathered.records.place(record);
        let topic = topic.clone();
        let Some(rest) = gathered.split_off(&topic, partition, index) else { return };
        if self.kept_back.push_front(&topic, partition, rest) {
            self.tell(Command::KeepBack(topic, partition));
        }
    }

    fn let_go_on(&mut self) {
        for (topic, partition) in self.kept_back.freed() {
            self.tell(Command::GoOn(topic, partition));
        }
    }

    /// Takes nothing more of a partition until it is assigned anew. A batch with records of it may still come.
    pub fn hold(&self, topic: &TopicName, partition: Partition) {
        self.tell(Command::Hold(topic.clone(), partition));
    }

    /// Leaves the group and waits until that is done.
    pub async fn stop(mut self) {
        self.tell(Command::Stop);
        self.messages.close();
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        if tokio::task::spawn_blocking(move || thread.join().is_ok()).await.is_ok_and(|ended| ended) {
            return;
        }
        tracing::error!(group = &*self.group, "the consumer thread panicked");
    }

    fn hand_out(&mut self, batch: Batch) -> Batch {
        let group = &self.group;
        for (topic, counts) in batch.counts() {
            let count = |name: &'static str, by: u64| {
                let labels = [("topic", topic.as_str().to_owned()), ("group", group.to_string())];
                counter!(name, &labels).increment(by);
            };
            count(CONSUMED_RECORDS, counts.records);
            count(DUPLICATE_RECORDS, counts.duplicates);
            count(MISPLACED_RECORDS, counts.misplaced);
        }
        self.lag.advance(batch.spans());
        self.handed_out = batch.spans().to_vec();
        batch
    }

    /// A thread that has ended needs to be told nothing: the next signal says so.
    fn tell(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Follower {
    /// Without [`Follower::stop`] the thread leaves the group by itself, a little later.
    fn drop(&mut self) {
        self.tell(Command::Stop);
    }
}

fn lag_of_waiting(gathered: &Gathered) -> Vec<PartitionLag> {
    let now = chrono::Utc::now();
    let oldest = |span: &Span| gathered.records.first_recorded_at(&span.topic, span.partition);
    let lag = |span: &Span| {
        let end = span.log_end.unwrap_or(span.through);
        let age = oldest(span).map(|then| crate::frontier::age(now, then));
        PartitionLag::new(span.topic.clone(), span.partition, span.from, end, age)
    };
    gathered.spans.iter().map(lag).collect()
}
