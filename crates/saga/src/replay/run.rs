//! Reads the history of an agent's sagas and lets them take it again, shared out among workers.
//!
//! Sagas know nothing of each other. So each worker is a whole replay of its share of them, those of some partitions of the
//! topic `saga`: every batch goes to all workers, and each looks at what stands in its partitions, and then at what its sagas
//! have had, which it knows by position. What is found does not depend on how many there are. Two batches wait for each
//! worker at most.

use std::num::NonZeroUsize;
use std::sync::Arc;

use brainops_event::{Frontier, PositionError, Recorded, TopicName};
use brainops_log::{Batch, ClusterError, Item, ReadError, ReadOnlyCluster, Registry, read};
use thiserror::Error;
use tokio::sync::mpsc;

use super::found::Replayed;
use super::history::{History, Transaction};
use super::progress::ReplayProgress;
use super::rehearsal::{Rehearsal, Share};
use crate::cast::{Cast, TOPIC};
use crate::refusal::Refusal;

/// How many batches wait for a worker at most.
const QUEUE: usize = 2;

/// Which sagas are replayed, and over which part of the log.
#[derive(Debug, Clone)]
pub struct Selection {
    /// What the saga is about; none: all sagas of the agent.
    pub correlation: Option<String>,
    /// Where reading begins. A saga that had begun before is left out, and counted.
    pub from: Frontier,
    /// Where it ends.
    pub to: Frontier,
}

/// How a replay goes about it.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many workers take turns, each with its share of the sagas.
    pub jobs: NonZeroUsize,
    /// How far it is, for who looks on.
    pub progress: Arc<ReplayProgress>,
}

impl Default for Pace {
    /// One worker, and nobody looks on.
    fn default() -> Self {
        Self { jobs: NonZeroUsize::MIN, progress: Arc::default() }
    }
}

/// A replay cannot be made.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A topic cannot be named.
    #[error("a topic cannot be named")]
    Topic(#[from] PositionError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// Kafka does not say where the log begins and ends.
    #[error("it is not known where the log begins and ends")]
    Cluster(#[from] ClusterError),
    /// A worker has died.
    #[error("a worker of the replay has died")]
    Worker(#[source] tokio::task::JoinError),
    /// History holds what this program cannot read.
    #[error("the history of {correlation} cannot be read")]
    History {
        /// What the saga is about, as far as it is known.
        correlation: String,
        /// Why.
        #[source]
        source: Refusal,
    },
}

impl From<Refusal> for ReplayError {
    /// Of a record of which nobody knows to whom it belongs.
    fn from(source: Refusal) -> Self {
        Self::History { correlation: String::new(), source }
    }
}

/// As [`replay_at`] by one worker.
///
/// # Errors
/// The log cannot be read.
pub async fn replay(
    cast: &Cast,
    cluster: &ReadOnlyCluster,
    registry: &Registry,
    selection: &Selection,
) -> Result<Replayed, ReplayError> {
    replay_at(cast, cluster, registry, selection, &Pace::default()).await
}

/// Lets sagas take their history again with the code of `cast`, in the order that `saga.reacted` says, and compares what
/// they decide with what was decided. Appends nothing, and cannot. However many workers there are, it finds the same.
///
/// # Errors
/// The log cannot be read.
pub async fn replay_at(
    cast: &Cast,
    cluster: &ReadOnlyCluster,
    registry: &Registry,
    selection: &Selection,
    pace: &Pace,
) -> Result<Replayed, ReplayError> {
    let Selection { correlation, from, to } = selection;
    let topics: Result<Vec<TopicName>, _> =
        cast.topics().into_iter().map(|topic| cluster.topic(topic)).collect();
    let (topics, saga_topic) = (topics?, cluster.topic(TOPIC)?);
    let told = only(to, |topic| *topic == saga_topic);
    let inputs = only(to, |topic| topics.contains(topic) && *topic != saga_topic);
    pace.progress.begins([&told, &inputs], from);
    let (mut queues, mut workers) = (Vec::new(), Vec::new());
    for number in 0..pace.jobs.get() {
        let (queue, batches) = mpsc::channel(QUEUE);
        let share = Share { number, of: pace.jobs, correlation: correlation.clone() };
        let (cast, progress) = (cast.clone(), Arc::clone(&pace.progress));
        queues.push(queue);
        workers.push(tokio::task::spawn_blocking(move || work(&cast, &share, &progress, batches)));
    }
    'passes: for (pass, to) in [(Pass::Told, &told), (Pass::Inputs, &inputs)] {
        let mut reading = read(cluster, registry, from, to).await?;
        while let Some(batch) = reading.next().await {
            let batch = Arc::new(batch?);
            for queue in &queues {
                if queue.send((pass, Arc::clone(&batch))).await.is_err() {
                    break 'passes; // that worker says why
                }
            }
            pace.progress.has_read(&batch);
        }
    }
    drop(queues);
    let mut found = Vec::with_capacity(workers.len());
    for worker in workers {
        found.push(worker.await.map_err(ReplayError::Worker)??);
    }
    Ok(Replayed::of(found))
}

/// What a batch is read for.
#[derive(Debug, Clone, Copy)]
enum Pass {
    /// What sagas said of themselves: which inputs they had, in which order.
    Told,
    /// Those inputs that stand in other topics.
    Inputs,
}

/// The whole replay of a share of the sagas.
fn work(
    cast: &Cast,
    share: &Share,
    progress: &ReplayProgress,
    mut batches: mpsc::Receiver<(Pass, Arc<Batch>)>,
) -> Result<Rehearsal, ReplayError> {
    let mut history = History::keeping_own(cast.name());
    let mut rehearsal = Rehearsal::default();
    let mut take = |transaction: Transaction, now: Option<&Recorded<'_>>| {
        rehearsal.take(cast, &transaction, now, progress)
    };
    let mut has_told_all = false;
    while let Some((pass, batch)) = batches.blocking_recv() {
        if matches!(pass, Pass::Inputs) && !has_told_all {
            has_told_all = true;
            history.take_ready(&mut take)?;
        }
        for (index, place) in batch.places().enumerate() {
            let is_wanted = match pass {
                Pass::Told => share.has(place.partition),
                Pass::Inputs => history.wants(place),
            };
            if !is_wanted {
                continue; // what stands there need not be looked at
            }
            let Some(Item::Event(event)) = batch.item_at(index) else { continue };
            match pass {
                Pass::Told => history.hear(&event, |name| share.is_about(name))?,
                Pass::Inputs => history.read(&event, &mut take)?,
            }
        }
    }
    history.take_ready(&mut take)?;
    rehearsal.unfinished = history.unfinished() as u64;
    Ok(rehearsal)
}

/// Those places of a frontier whose topic is wanted.
pub(crate) fn only(frontier: &Frontier, wanted: impl Fn(&TopicName) -> bool) -> Frontier {
    frontier
        .iter()
        .filter(|(topic, ..)| wanted(topic))
        .map(|(topic, partition, next)| (topic.clone(), partition, next))
        .collect()
}
