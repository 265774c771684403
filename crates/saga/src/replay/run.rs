//! Reads the history of an agent's sagas and lets them take it again.

use std::collections::BTreeMap;

use brainops_event::{Frontier, PositionError, TopicName};
use brainops_log::{ClusterError, Item, ReadError, ReadOnlyCluster, Registry, read};
use thiserror::Error;

use super::compare::{Difference, compare};
use super::history::{History, Transaction};
use super::replica::take_again;
use crate::cast::{Cast, TOPIC};
use crate::instance::Instance;
use crate::refusal::Refusal;

/// How many differences are told at most; all are counted.
const MAX_TOLD: usize = 10_000;

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

/// What a replay has found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replayed {
    /// Sagas that were replayed.
    pub sagas: u64,
    /// Sagas that had begun before, which were not.
    pub begun_before: u64,
    /// Transactions that were taken again.
    pub transactions: u64,
    /// Inputs of theirs.
    pub inputs: u64,
    /// Transactions whose inputs were not all between the frontiers.
    pub unfinished: u64,
    /// Decisions that were made then, and that are made now.
    pub decisions: (u64, u64),
    /// Approvals that were asked then, and that are asked now.
    pub approvals_asked: (u64, u64),
    /// All differences.
    pub differing: u64,
    /// Sagas that differ.
    pub diverged: u64,
    /// The first differences of each saga and what came after, in the order of the log; no more than some thousands.
    pub differences: Vec<Difference>,
}

impl Replayed {
    /// The first divergence.
    #[must_use]
    pub fn first_divergence(&self) -> Option<&Difference> {
        self.differences.first()
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

/// Lets sagas take their history again with the code of `cast`, in the order that `saga.reacted` says, and compares what
/// they decide with what was decided. Appends nothing, and cannot.
///
/// # Errors
/// The log cannot be read.
pub async fn replay(
    cast: &Cast,
    cluster: &ReadOnlyCluster,
    registry: &Registry,
    selection: &Selection,
) -> Result<Replayed, ReplayError> {
    let Selection { correlation, from, to } = selection;
    let wants = |other: &str| correlation.as_ref().is_none_or(|wanted| wanted == other);
    let saga_topic = cluster.topic(TOPIC)?;
    let mut history = History::new(cast.name());
    let unreadable = |source| ReplayError::History { correlation: String::new(), source };
    let told = only(to, |topic| *topic == saga_topic);
    let mut reading = read(cluster, registry, from, &told).await?;
    while let Some(batch) = reading.next().await {
        for item in batch?.items() {
            if let Item::Event(event) = item {
                history.hear(&event, wants).map_err(unreadable)?;
            }
        }
    }
    let topics: Result<Vec<TopicName>, _> =
        cast.topics().into_iter().map(|topic| cluster.topic(topic)).collect();
    let topics = topics?;
    let mut rehearsal = Rehearsal { cast, sagas: BTreeMap::new(), found: Replayed::default() };
    let mut reading = read(cluster, registry, from, &only(to, |topic| topics.contains(topic))).await?;
    while let Some(batch) = reading.next().await {
        for item in batch?.items() {
            let Item::Event(event) = item else { continue };
            for transaction in history.read(&event).map_err(unreadable)? {
                rehearsal.take(&transaction)?;
            }
        }
    }
    let unfinished = history.unfinished() as u64;
    Ok(rehearsal.finish(unfinished))
}

/// Those places of a frontier whose topic is wanted.
pub(crate) fn only(frontier: &Frontier, wanted: impl Fn(&TopicName) -> bool) -> Frontier {
    frontier
        .iter()
        .filter(|(topic, ..)| wanted(topic))
        .map(|(topic, partition, next)| (topic.clone(), partition, next))
        .collect()
}

/// Sagas that take their history again.
struct Rehearsal<'a> {
    cast: &'a Cast,
    sagas: BTreeMap<String, Replica>,
    found: Replayed,
}

/// One of them.
#[derive(Debug, Default)]
struct Replica {
    instance: Option<Instance>,
    /// It had begun before the part of the log that is read.
    had_begun: bool,
    has_diverged: bool,
}

impl Rehearsal<'_> {
    fn take(&mut self, transaction: &Transaction) -> Result<(), ReplayError> {
        let reacted = &transaction.reacted;
        let had_begun = reacted.revision > 1;
        let first = || Replica { had_begun, ..Replica::default() };
        let replica = self.sagas.entry(reacted.correlation.clone()).or_insert_with(first);
        if replica.had_begun {
            return Ok(());
        }
        let unreadable = |source| ReplayError::History { correlation: reacted.correlation.clone(), source };
        let sat = take_again(self.cast, replica.instance.take(), transaction).map_err(unreadable)?;
        let differences = compare(reacted, &sat.written, sat.instance.as_ref()).map_err(unreadable)?;
        replica.has_diverged |= !differences.is_empty();
        replica.instance = sat.instance;
        let found = &mut self.found;
        found.transactions += 1;
        found.inputs += transaction.inputs.len() as u64;
        found.decisions.0 += reacted.decisions.len() as u64;
        let recorded = reacted.decisions.iter().map(|decision| decision.event_type.as_str());
        found.approvals_asked.0 += recorded.filter(|event_type| asks_approval(event_type)).count() as u64;
        for written in sat.written.iter().filter(|written| !written.is_fact) {
            found.decisions.1 += 1;
            found.approvals_asked.1 += u64::from(asks_approval(written.event.envelope.event_type().as_str()));
        }
        found.differing += differences.len() as u64;
        let room = MAX_TOLD.saturating_sub(found.differences.len());
        found.differences.extend(differences.into_iter().take(room));
        Ok(())
    }

    fn finish(self, unfinished: u64) -> Replayed {
        let count =
            |is: fn(&Replica) -> bool| self.sagas.values().filter(|replica| is(replica)).count() as u64;
        Replayed {
            sagas: count(|replica| !replica.had_begun),
            begun_before: count(|replica| replica.had_begun),
            diverged: count(|replica| replica.has_diverged),
            unfinished,
            ..self.found
        }
    }
}

fn asks_approval(event_type: &str) -> bool {
    event_type.starts_with("approval.")
}
