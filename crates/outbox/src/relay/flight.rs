//! What is on its way to Kafka and not acknowledged.
//!
//! Its bounds keep memory small, and they keep repeats close: whoever takes over sends at most this much again, well
//! within the 65,536 offsets in which every reader knows a repeat.

use std::collections::VecDeque;

/// Rows on their way to one partition at most.
pub(crate) const LANE_ROWS: usize = 5_000;
/// Rows on their way at most.
const ROWS: usize = 20_000;
/// Bytes on their way at most.
const BYTES: usize = 32 * 1024 * 1024;

/// A row on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) outbox_id: i64,
    /// Index of its partition in the session.
    pub(crate) lane: usize,
    pub(crate) send_no: i64,
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// By ticket, from `first` on; none where the answer has come.
    sent: VecDeque<Option<Sent>>,
    first: usize,
    /// Tickets of each lane, in the order of sending.
    lanes: Vec<VecDeque<usize>>,
    rows: usize,
    bytes: usize,
}

impl Flight {
    pub(crate) fn new(lanes: usize) -> Flight {
        Flight { lanes: vec![VecDeque::new(); lanes], ..Flight::default() }
    }

    /// Takes a row up; the answer will bear this ticket.
    pub(crate) fn push(&mut self, sent: Sent) -> usize {
        let ticket = self.first + self.sent.len();
        self.rows += 1;
        self.bytes += sent.bytes;
        if let Some(lane) = self.lanes.get_mut(sent.lane) {
            lane.push_back(ticket);
        }
        self.sent.push_back(Some(sent));
        ticket
    }

    /// The row that was acknowledged, if it was the first of its lane: anything else means that the order is lost.
    pub(crate) fn acknowledge(&mut self, ticket: usize) -> Option<Sent> {
        let sent = self.get(ticket)?;
        let lane = self.lanes.get_mut(sent.lane)?;
        if lane.front() != Some(&ticket) {
            return None;
        }
        lane.pop_front();
        self.sent[ticket - self.first] = None;
        while let Some(None) = self.sent.front() {
            self.sent.pop_front();
            self.first += 1;
        }
        self.rows -= 1;
        self.bytes -= sent.bytes;
        Some(sent)
    }

    /// The row of a ticket that is not answered.
    pub(crate) fn get(&self, ticket: usize) -> Option<Sent> {
        self.sent.get(ticket.checked_sub(self.first)?).copied().flatten()
    }

    /// How many rows are on their way.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether so many rows and bytes more may be sent, whatever their lanes.
    pub(crate) fn has_room(&self, rows: usize, bytes: usize) -> bool {
        self.rows + rows <= ROWS && self.bytes + bytes <= BYTES
    }

    /// Lanes to which not so many rows more may be sent.
    pub(crate) fn full_lanes(&self, rows: usize) -> impl Iterator<Item = usize> {
        let full = move |lane: &(usize, &VecDeque<usize>)| lane.1.len() + rows > LANE_ROWS;
        self.lanes.iter().enumerate().filter(full).map(|(lane, _)| lane)
    }

    /// Rows on their way.
    pub(crate) fn outbox_ids(&self) -> Vec<i64> {
        self.sent.iter().flatten().map(|sent| sent.outbox_id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outbox_id: i64, lane: usize) -> Sent {
        Sent { outbox_id, lane, send_no: outbox_id, bytes: 10 }
    }

    #[test]
    fn lanes_are_answered_apart_and_each_in_order() {
        let mut flight = Flight::new(2);
        let tickets: Vec<usize> =
            [sent(1, 0), sent(2, 1), sent(3, 0), sent(4, 1)].map(|one| flight.push(one)).to_vec();
        assert_eq!(flight.acknowledge(tickets[1]), Some(sent(2, 1)));
        assert_eq!(flight.acknowledge(tickets[2]), None, "3 came before 1");
        assert_eq!(flight.acknowledge(tickets[1]), None, "twice");
        assert_eq!(flight.acknowledge(tickets[0]), Some(sent(1, 0)));
        assert_eq!(flight.acknowledge(tickets[2]), Some(sent(3, 0)));
        assert_eq!(flight.outbox_ids(), [4]);
        assert_eq!(flight.acknowledge(tickets[3]), Some(sent(4, 1)));
        assert!(flight.is_empty() && flight.acknowledge(99).is_none());
        assert_eq!(flight.push(sent(5, 0)), 4);
    }

    #[test]
    fn it_is_bounded_in_rows_in_bytes_and_by_lane() {
        let mut flight = Flight::new(2);
        for row in 0..LANE_ROWS as i64 - 10 {
            flight.push(sent(row, 1));
        }
        assert_eq!(flight.full_lanes(10).count(), 0);
        assert_eq!(flight.full_lanes(11).collect::<Vec<_>>(), [1]);
        assert!(flight.has_room(ROWS - LANE_ROWS + 10, 1) && !flight.has_room(ROWS - LANE_ROWS + 11, 1));
        assert!(!flight.has_room(1, BYTES));
    }
}
