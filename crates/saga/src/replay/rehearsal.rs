//! A share of an agent's sagas takes its history again. Pure.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use brainops_event::{Partition, Recorded, Timestamp};
use foldhash::fast::RandomState;

use super::compare::{Difference, compare};
use super::found::{MAX_TOLD, Replayed};
use super::history::Transaction;
use super::progress::ReplayProgress;
use super::replica::take_again;
use super::run::ReplayError;
use crate::cast::Cast;
use crate::instance::Instance;

/// Which sagas one worker has.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) number: usize,
    pub(super) of: NonZeroUsize,
    /// Only the saga about this.
    pub(super) correlation: Option<String>,
}

impl Share {
    /// Whether it has the sagas of a partition of the topic `saga`: what is said of one is in one partition.
    pub(super) fn has(&self, partition: Partition) -> bool {
        usize::try_from(partition.get()).unwrap_or(0) % self.of.get() == self.number
    }

    /// Whether a saga of such a partition is wanted.
    pub(super) fn is_about(&self, correlation: &str) -> bool {
        self.correlation.as_ref().is_none_or(|wanted| wanted == correlation)
    }
}

/// Where a difference stands among all: the time of the latest input that its saga had by then, the saga, its transaction.
pub(super) type Place = (Option<Timestamp>, String, i64);

/// Sagas that take their history again, and what was found.
#[derive(Debug, Default)]
pub(super) struct Rehearsal {
    sagas: HashMap<String, Replica, RandomState>,
    found: Replayed,
    /// The first differences, by transaction.
    told: BTreeMap<Place, Vec<Difference>>,
    /// How many of them.
    told_count: usize,
    /// Transactions of which not all inputs were read.
    pub(super) unfinished: u64,
}

/// One of the sagas.
#[derive(Debug, Default)]
struct Replica {
    instance: Option<Instance>,
    /// It had begun before the part of the log that is read.
    had_begun: bool,
    has_diverged: bool,
    /// When the log recorded the latest of its inputs so far.
    latest: Option<Timestamp>,
}

impl Rehearsal {
    pub(super) fn take(
        &mut self,
        cast: &Cast,
        transaction: &Transaction,
        now: Option<&Recorded<'_>>,
        progress: &ReplayProgress,
    ) -> Result<(), ReplayError> {
        let reacted = &transaction.reacted;
        let (sagas, first) =
            (self.sagas.len(), || Replica { had_begun: reacted.revision > 1, ..Replica::default() });
        let replica = self.sagas.entry(reacted.correlation.clone()).or_insert_with(first);
        if replica.had_begun {
            return Ok(());
        }
        let unreadable = |source| ReplayError::History { correlation: reacted.correlation.clone(), source };
        let sat = take_again(cast, replica.instance.take(), transaction, now).map_err(unreadable)?;
        let differences = compare(reacted, &sat.written, sat.instance.as_ref()).map_err(unreadable)?;
        replica.has_diverged |= !differences.is_empty();
        replica.instance = sat.instance;
        replica.latest = replica.latest.max(transaction.inputs(now).map(|input| input.recorded_at()).max());
        let latest = replica.latest;
        let found = &mut self.found;
        found.transactions += 1;
        progress.has_taken(self.sagas.len() > sagas);
        found.inputs += transaction.len() as u64;
        found.decisions.0 += reacted.decisions.len() as u64;
        let recorded = reacted.decisions.iter().map(|decision| decision.event_type.as_str());
        found.approvals_asked.0 += recorded.filter(|event_type| asks_approval(event_type)).count() as u64;
        for written in sat.written.iter().filter(|written| !written.is_fact) {
            found.decisions.1 += 1;
            found.approvals_asked.1 += u64::from(asks_approval(written.event.envelope.event_type().as_str()));
        }
        found.count(&differences);
        if !differences.is_empty() {
            self.tell((latest, reacted.correlation.clone(), reacted.revision), differences);
        }
        Ok(())
    }

    /// Keeps what stands first, whenever it is found.
    fn tell(&mut self, place: Place, differences: Vec<Difference>) {
        self.told_count += differences.len();
        self.told.insert(place, differences);
        while let Some(last) = self.told.last_entry() {
            if self.told_count - last.get().len() < MAX_TOLD {
                break;
            }
            self.told_count -= last.remove().len();
        }
    }

    pub(super) fn finish(self) -> (Replayed, BTreeMap<Place, Vec<Difference>>) {
        let count =
            |is: fn(&Replica) -> bool| self.sagas.values().filter(|replica| is(replica)).count() as u64;
        let found = Replayed {
            sagas: count(|replica| !replica.had_begun),
            begun_before: count(|replica| replica.had_begun),
            diverged: count(|replica| replica.has_diverged),
            unfinished: self.unfinished,
            ..self.found
        };
        (found, self.told)
    }
}

fn asks_approval(event_type: &str) -> bool {
    event_type.starts_with("approval.")
}
