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
//! **Back-pressure.** The thread gathers one batch while the caller works on another. When the caller takes longer,
//! the thread stops fetching (partitions are paused after a second) and goes on polling, so that the group keeps
//! this member however long a batch takes.
//!
//! **Verdicts.** Before a partition is delivered from its offset on, the 65,536 offsets before it are shown to its
//! window, so that the verdicts are those of a reader from zero.
//!
//! **What is waited for**: a broker that is away, and a registry that cannot be asked; [`Signal::Idle`] goes on
//! meanwhile, so that the caller can say that it lives. What cannot pass is [`Signal::Failed`], the last signal.
//!
//! Partitions move one by one (cooperative-sticky): a member that comes or goes does not stop the others.
mod assignment;
mod context;
pub(crate) mod failure;
mod hint;
mod lag;
pub(crate) mod pending;
mod thread;

use std::thread::JoinHandle;
use std::time::Duration;

use brainops_event::{Partition, TopicName};
use metrics::counter;
use tokio::sync::mpsc;

pub use assignment::{AssignedPartition, Assignment};
use lag::KnownLag;
use thread::{Command, FollowerThread, Message};

use crate::batch::{Batch, Span};
use crate::cluster::Cluster;
use crate::frontier::{PartitionLag, describe_all};
use crate::intake::{Gathered, Limits};
use crate::metrics::{CONSUMED_RECORDS, DUPLICATE_RECORDS, MISPLACED_RECORDS, POISON_RECORDS};
use crate::read_error::ReadError;
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
    /// Default: 8 MiB. Three batches may be in memory at a time.
    pub max_bytes: usize,
    /// How long a batch gathers after its first record. Default: 100 ms.
    pub max_wait: Duration,
    /// How long the registry must go on saying that it has no such schema until the record is poison. Default: 1 min.
    pub unknown_schema_patience: Duration,
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
    group: String,
    resolver: Resolver,
    messages: mpsc::Receiver<Message>,
    commands: std::sync::mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
    /// Taken from the thread, not yet handed out: its schemas are being looked up.
    resolving: Option<Gathered>,
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
        cluster: &Cluster,
        registry: &Registry,
        config: FollowerConfig,
    ) -> Result<Follower, ReadError> {
        describe_all(cluster, &config.topics).await?;
        let (message_sender, messages) = mpsc::channel(1);
        let (commands, command_receiver) = std::sync::mpsc::channel();
        let group = config.group.clone();
        let resolver = Resolver::new(registry, config.unknown_schema_patience);
        let lag = KnownLag::new(group.clone());
        let thread = FollowerThread::start(cluster, config, message_sender, command_receiver)?;
        Ok(Follower {
            group,
            resolver,
            messages,
            commands,
            thread: Some(thread),
            resolving: None,
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
            if let Some(gathered) = &self.resolving
                && let Resolved::Waiting = self.resolver.resolve(gathered).await
            {
                return Signal::Idle(lag_of_waiting(gathered));
            }
            if let Some(gathered) = self.resolving.take() {
                let batch = self.resolver.finish(gathered);
                return Signal::Batch(self.hand_out(batch));
            }
            let message = self.messages.recv().await;
            self.wake();
            match message {
                Some(Message::Gathered(gathered)) => self.resolving = Some(gathered),
                Some(Message::Assigned(assignment)) => return Signal::Assigned(assignment),
                Some(Message::Revoked(partitions)) => {
                    self.lag.forget(&partitions);
                    return Signal::Revoked(partitions);
                }
                Some(Message::Idle(lags)) => {
                    self.lag.learn(&lags);
                    return Signal::Idle(lags);
                }
                Some(Message::Failed(error)) => return Signal::Failed(error),
                None => return Signal::Failed(ReadError::Ended),
            }
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
        tracing::error!(group = self.group, "the consumer thread panicked");
    }

    fn hand_out(&mut self, batch: Batch) -> Batch {
        let group = &self.group;
        for (topic, counts) in batch.counts() {
            let count = |name: &'static str, by: u64| {
                let labels = [("topic", topic.as_str().to_owned()), ("group", group.clone())];
                counter!(name, &labels).increment(by);
            };
            count(CONSUMED_RECORDS, counts.records);
            count(DUPLICATE_RECORDS, counts.duplicates);
            count(MISPLACED_RECORDS, counts.misplaced);
            count(POISON_RECORDS, counts.poison);
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
