//! Batches that were read ahead, and which of their inputs may be taken before their turn. Pure.

use std::collections::{HashSet, VecDeque};

use brainops_event::Priority;
use brainops_log::{Batch, Item};
use uuid::Uuid;

use super::sort::{Inputs, Sorted, sort};
use super::store::inbox_name;
use crate::cast::Cast;

/// How many batches are read ahead at most. They bound how far behind an urgent input may lie and still be seen, and what a
/// follower holds in memory: this many times the bytes of a batch.
pub(crate) const MOST: usize = 10;

/// Batches in the order of the log, the first of which is next.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    batches: VecDeque<Waiting>,
    /// Names of inputs that were taken before their turn, or tried to be: when their batch comes they are repeats, or taken
    /// then.
    passed: HashSet<Uuid>,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    has_urgent: bool,
}

impl Ahead {
    pub(crate) fn push(&mut self, batch: Batch) {
        let has_urgent = batch.items().any(
            |item| matches!(&item, Item::Event(event) if event.envelope.priority() == Some(Priority::Urgent)),
        );
        self.batches.push_back(Waiting { batch, has_urgent });
    }

    /// The next batch in the order of the log.
    pub(crate) fn pop(&mut self) -> Option<Batch> {
        let next = self.batches.pop_front().map(|waiting| waiting.batch);
        if self.batches.is_empty() {
            self.passed.clear();
        }
        next
    }

    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Items of all batches, for [`urgent`]; nothing where no batch behind the first has an urgent event.
    pub(crate) fn items(&self) -> Vec<Vec<Item<'_>>> {
        if !self.batches.iter().skip(1).any(|waiting| waiting.has_urgent) {
            return Vec::new();
        }
        self.batches.iter().map(|waiting| waiting.batch.items().collect()).collect()
    }

    pub(crate) const fn passed(&self) -> &HashSet<Uuid> {
        &self.passed
    }

    /// Notes what was tried: not again before its turn.
    pub(crate) fn pass(&mut self, names: impl IntoIterator<Item = Uuid>) {
        self.passed.extend(names);
    }
}

/// The urgent inputs behind the first batch whose saga has nothing earlier waiting: what it gets stays in the order of
/// what was read. Inputs that `passed` are neither taken again nor waited for.
pub(crate) fn urgent<'a>(cast: &Cast, batches: &'a [Vec<Item<'a>>], passed: &HashSet<Uuid>) -> Inputs<'a> {
    let mut urgent = Inputs::default();
    let mut waiting: HashSet<String> = HashSet::new();
    for (place, items) in batches.iter().enumerate() {
        for (correlation, inputs) in sort(cast, items).by_correlation {
            if waiting.contains(&correlation) {
                continue;
            }
            let mut first = Vec::new();
            for one in inputs {
                if passed.contains(&name_of(cast, &correlation, &one)) {
                    continue;
                }
                if place == 0 || one.event.envelope.priority() != Some(Priority::Urgent) {
                    waiting.insert(correlation.clone());
                    break;
                }
                first.push(one);
            }
            if !first.is_empty() {
                urgent.by_correlation.entry(correlation).or_default().extend(first);
            }
        }
    }
    urgent
}

/// Names of inputs, as the inbox has them.
pub(crate) fn names_of<'a>(cast: &'a Cast, inputs: &'a Inputs<'_>) -> impl Iterator<Item = Uuid> {
    let all = inputs.by_correlation.iter();
    all.flat_map(|(correlation, all)| all.iter().map(|one| name_of(cast, correlation, one)))
}

fn name_of(cast: &Cast, correlation: &str, one: &Sorted<'_>) -> Uuid {
    let envelope = &one.event.envelope;
    inbox_name(cast.name(), correlation, envelope.source(), envelope.id())
}
