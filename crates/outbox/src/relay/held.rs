//! Rows that are numbered and wait for a gate, lane by lane: whatever comes behind one waits with it, so that a lane
//! keeps its order.

use std::collections::{BTreeSet, VecDeque};

use super::turn::Numbered;

/// What one lane holds before it takes no more: rows, bytes. What was numbered with them may come on top.
const LANE_ROWS: usize = 1_000;
const LANE_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct HeldRows {
    lanes: Vec<Lane>,
    /// Those that hold something.
    holding: BTreeSet<usize>,
}

#[derive(Debug, Default, Clone)]
struct Lane {
    rows: VecDeque<Numbered>,
    bytes: usize,
}

impl HeldRows {
    pub(crate) fn new(lanes: usize) -> HeldRows {
        HeldRows { lanes: vec![Lane::default(); lanes], holding: BTreeSet::new() }
    }

    /// How many rows it holds.
    pub(crate) fn len(&self) -> usize {
        self.holding.iter().map(|lane| self.lanes[*lane].rows.len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.holding.is_empty()
    }

    /// Whether a lane holds something: what comes next must wait too.
    pub(crate) fn holds(&self, lane: usize) -> bool {
        self.holding.contains(&lane)
    }

    pub(crate) fn push(&mut self, lane: usize, row: Numbered) {
        let Some(held) = self.lanes.get_mut(lane) else { return };
        held.bytes += row.bytes();
        held.rows.push_back(row);
        self.holding.insert(lane);
    }

    /// The lanes that hold something.
    pub(crate) fn lanes(&self) -> Vec<usize> {
        self.holding.iter().copied().collect()
    }

    /// The row that comes next in a lane.
    pub(crate) fn front(&self, lane: usize) -> Option<&Numbered> {
        self.lanes.get(lane)?.rows.front()
    }

    pub(crate) fn pop(&mut self, lane: usize) -> Option<Numbered> {
        let held = self.lanes.get_mut(lane)?;
        let row = held.rows.pop_front()?;
        held.bytes -= row.bytes();
        if held.rows.is_empty() {
            self.holding.remove(&lane);
        }
        Some(row)
    }

    /// Lanes that hold so much that no more is numbered for them.
    pub(crate) fn full_lanes(&self) -> impl Iterator<Item = usize> {
        let is_full = |lane: &usize| {
            let held = &self.lanes[*lane];
            held.rows.len() >= LANE_ROWS || held.bytes >= LANE_BYTES
        };
        self.holding.iter().copied().filter(is_full)
    }

    /// The gates that lanes wait for now, each once.
    pub(crate) fn gates(&self) -> Vec<i64> {
        let gates = self.holding.iter().filter_map(|lane| self.front(*lane)?.gate);
        gates.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Gives everything up, lane by lane in order.
    pub(crate) fn take_all(&mut self) -> Vec<(usize, VecDeque<Numbered>)> {
        let holding = std::mem::take(&mut self.holding);
        holding.into_iter().map(|lane| (lane, std::mem::take(&mut self.lanes[lane]).rows)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::numbered_row;

    fn row(outbox_id: i64, gate: Option<i64>) -> Numbered {
        Numbered { gate, ..numbered_row(outbox_id) }
    }

    #[test]
    fn lanes_hold_their_rows_in_order_and_are_full_at_a_bound() {
        let mut held = HeldRows::new(3);
        held.push(1, row(5, Some(1)));
        held.push(1, row(6, None));
        held.push(2, row(7, Some(1)));
        assert!(held.holds(1) && !held.holds(0));
        assert_eq!((held.gates(), held.full_lanes().count()), (vec![1], 0));
        assert_eq!(held.pop(1).map(|row| row.outbox_id), Some(5));
        assert_eq!(held.front(1).map(|row| row.outbox_id), Some(6));
        for id in 8..8 + LANE_BYTES as i64 / 1_000 {
            held.push(2, row(id, None));
        }
        assert_eq!(held.full_lanes().collect::<Vec<_>>(), [2]);
        assert_eq!(held.take_all().into_iter().map(|(lane, _)| lane).collect::<Vec<_>>(), [1, 2]);
        assert!(held.is_empty() && held.pop(2).is_none());
    }
}
