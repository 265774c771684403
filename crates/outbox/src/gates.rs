//! Which rows Kafka has acknowledged of late, and which relays of this process wait for one: a row behind a gate is
//! sent as soon as its gate stands in the log, whichever shard the gate belongs to.
//!
//! Only what is in memory is known here. What another process has acknowledged, a relay reads in the tables.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use brainops_fault::{Bug, planted};

/// How many acknowledged rows are remembered: those that nobody has marked yet, and many more.
const REMEMBERED: usize = 65_536;

#[derive(Debug, Default)]
pub(crate) struct Gates {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    acknowledged: HashSet<i64>,
    /// The same, the oldest first.
    in_order: VecDeque<i64>,
    /// Shards by the rows that they wait for.
    waiting: HashMap<i64, Vec<u16>>,
}

impl Gates {
    /// Whether a row is known to stand in the log; if not, this shard will be among those that [`Gates::opened`] names.
    pub(crate) fn is_open(&self, gate: i64, shard: u16) -> bool {
        if planted(Bug::GateNotHeeded) {
            return true;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.acknowledged.contains(&gate) {
            return true;
        }
        let shards = inner.waiting.entry(gate).or_default();
        if !shards.contains(&shard) {
            shards.push(shard);
        }
        false
    }

    /// These rows stand in the log; answers which shards have waited for one of them.
    pub(crate) fn opened(&self, rows: impl IntoIterator<Item = i64>) -> Vec<u16> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shards = Vec::new();
        for row in rows {
            if inner.acknowledged.insert(row) {
                inner.in_order.push_back(row);
            }
            shards.extend(inner.waiting.remove(&row).into_iter().flatten());
        }
        while inner.in_order.len() > REMEMBERED {
            let oldest = inner.in_order.pop_front();
            oldest.map(|row| inner.acknowledged.remove(&row));
        }
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// A relay's session with this shard is over, so it waits for nothing any more. The rows that are remembered are those
    /// of a database that may be another when the next session begins, in which their numbers are given anew.
    pub(crate) fn forget(&self, shard: u16) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.acknowledged.clear();
        inner.in_order.clear();
        for shards in inner.waiting.values_mut() {
            shards.retain(|waiting| *waiting != shard);
        }
        inner.waiting.retain(|_, shards| !shards.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_gate_is_named_when_it_opens_and_who_comes_later_need_not_wait() {
        let gates = Gates::default();
        assert!(!gates.is_open(1, 0) && !gates.is_open(1, 2) && !gates.is_open(1, 2) && !gates.is_open(2, 3));
        assert_eq!(gates.opened([1, 9]), [0, 2]);
        assert!(gates.is_open(1, 0) && gates.is_open(9, 1));
        gates.forget(3);
        assert_eq!(gates.opened([2]), [0u16; 0]);
        gates.forget(0);
        assert!(!gates.is_open(1, 0), "of another database");
    }

    #[test]
    fn what_was_acknowledged_long_ago_is_forgotten() {
        let gates = Gates::default();
        gates.opened(0..=REMEMBERED as i64);
        assert!(!gates.is_open(0, 0) && gates.is_open(1, 0));
    }
}
