//! What a replay has found.

use std::collections::BTreeMap;

use super::compare::{Difference, DifferenceKind};
use super::rehearsal::Rehearsal;

/// How many differences are told at most; all are counted.
pub(super) const MAX_TOLD: usize = 10_000;

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
    /// How many decisions differ, by their type.
    pub by_type: BTreeMap<String, Differing>,
    /// The first differences: in the order in which the inputs were recorded, those of one saga in the order of its
    /// transactions; no more than some thousands.
    pub differences: Vec<Difference>,
}

/// How many decisions of one type differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Differing {
    /// Those that are decided now, and were not then.
    pub added: u64,
    /// Those that were decided then, and are not now.
    pub removed: u64,
    /// Those that are decided in other words.
    pub changed: u64,
}

impl Replayed {
    /// The first divergence.
    #[must_use]
    pub fn first_divergence(&self) -> Option<&Difference> {
        self.differences.first()
    }

    /// Counts the differences of one transaction.
    pub(super) fn count(&mut self, differences: &[Difference]) {
        self.differing += differences.len() as u64;
        for difference in differences {
            let Some(decision) = difference.kind.decision() else { continue };
            let of_type = self.by_type.entry(decision.event_type.clone()).or_default();
            match difference.kind {
                DifferenceKind::Added(_) => of_type.added += 1,
                DifferenceKind::Removed(_) => of_type.removed += 1,
                _ => of_type.changed += 1,
            }
        }
    }

    /// What the workers have found together.
    pub(super) fn of(rehearsals: Vec<Rehearsal>) -> Self {
        let (mut all, mut told) = (Self::default(), BTreeMap::new());
        for rehearsal in rehearsals {
            let (found, differences) = rehearsal.finish();
            all.add(found);
            told.extend(differences);
        }
        all.differences = told.into_values().flatten().take(MAX_TOLD).collect();
        all
    }

    fn add(&mut self, other: Self) {
        self.sagas += other.sagas;
        self.begun_before += other.begun_before;
        self.transactions += other.transactions;
        self.inputs += other.inputs;
        self.unfinished += other.unfinished;
        self.decisions.0 += other.decisions.0;
        self.decisions.1 += other.decisions.1;
        self.approvals_asked.0 += other.approvals_asked.0;
        self.approvals_asked.1 += other.approvals_asked.1;
        self.differing += other.differing;
        self.diverged += other.diverged;
        for (event_type, Differing { added, removed, changed }) in other.by_type {
            let of_type = self.by_type.entry(event_type).or_default();
            of_type.added += added;
            of_type.removed += removed;
            of_type.changed += changed;
        }
    }
}
