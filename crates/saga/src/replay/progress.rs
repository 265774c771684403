//! How far a replay is, for who looks on.

use std::sync::atomic::{AtomicU64, Ordering};

use brainops_event::{Frontier, Offset};
use brainops_log::Batch;

/// How far a replay is. Counts places of the log, of which some hold no event.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    total: AtomicU64,
    read: AtomicU64,
    sagas: AtomicU64,
    transactions: AtomicU64,
}

impl ReplayProgress {
    /// How many places are read in all. 0: that is not known yet.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// How many were.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// How many sagas have taken something again.
    #[must_use]
    pub fn sagas(&self) -> u64 {
        self.sagas.load(Ordering::Relaxed)
    }

    /// In how many transactions.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// It is read up to these frontiers, one after the other.
    pub(super) fn begins(&self, to: [&Frontier; 2], from: &Frontier) {
        let of = |to: &Frontier| -> u64 {
            let places = to.iter().map(|(topic, partition, until)| {
                places(from.get(topic, partition).unwrap_or(Offset::ZERO), until)
            });
            places.sum()
        };
        self.total.store(to.map(of).iter().sum(), Ordering::Relaxed);
    }

    pub(super) fn has_read(&self, batch: &Batch) {
        let read: u64 = batch.spans().iter().map(|span| places(span.from, span.through)).sum();
        self.read.fetch_add(read, Ordering::Relaxed);
    }

    pub(super) fn has_taken(&self, is_first_of_saga: bool) {
        self.sagas.fetch_add(u64::from(is_first_of_saga), Ordering::Relaxed);
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }
}

fn places(from: Offset, until: Offset) -> u64 {
    u64::try_from(until.get().saturating_sub(from.get())).unwrap_or(0)
}
