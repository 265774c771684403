//! What was said, and what was acknowledged: the driver's own book, against which the log and the rows are held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where an event was acknowledged to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// The pages of the book.
#[derive(Debug, Default)]
pub struct Pages {
    /// Number to subject of every event that somebody tried to append.
    pub said: BTreeMap<u64, String>,
    /// Number to all positions that were answered for it.
    pub acked: BTreeMap<u64, Vec<Acked>>,
    next: u64,
}

/// The book. Cheap to clone; clones are the same book.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Pages>>);

impl Ledger {
    /// Its pages; the lock is never held across an await.
    pub fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no event has had, written down as said about this subject.
    pub fn say(&self, subject: &str) -> u64 {
        let mut pages = self.pages();
        pages.next += 1;
        let number = pages.next;
        pages.said.insert(number, subject.to_owned());
        number
    }

    /// Notes an acknowledgement.
    pub fn acknowledge(&self, number: u64, acked: Acked) {
        self.pages().acked.entry(number).or_default().push(acked);
    }

    /// How many events are acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.pages().acked.len() as u64
    }
}
