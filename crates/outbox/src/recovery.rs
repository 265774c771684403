//! What a relay decides, without Kafka and without Postgres.
//!
//! **The situation.** Rows were numbered, so their order is fixed. Some were sent, of some of those the answer was
//! seen. Who sent them may be dead, may sleep and wake, may be this very process a moment ago: records of his may
//! still arrive. Nothing is known but the rows and what stands in the log from a place on, before which none of them
//! stands.
//!
//! **The decision.** A row that stands in the log is confirmed, at its first record. What is missing is sent from the
//! first missing one on, in the order of the numbers. Whoever else still sends, sends the same rows in the same
//! order, and began where everything before stood in the log. So first records keep their order, and later ones are
//! repeats, which every reader drops.
//!
//! **Positions.** A record of somebody else's may stand before ours. So for rows that an earlier epoch numbered the
//! acknowledgement says only how far to read; the position is that of the first record found.

use std::collections::HashMap;

use brainops_event::{Offset, Partition, Timestamp, TopicId, TopicName};
use brainops_fault::{self as fault, Bug};
use brainops_log::Identity;

/// A partition.
pub(crate) type Place = (TopicName, Partition);

/// A row that is numbered and not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) outbox_id: i64,
    pub(crate) place: Place,
    pub(crate) send_no: i64,
    pub(crate) identity: Identity,
}

/// A record in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) place: Place,
    pub(crate) offset: Offset,
    pub(crate) recorded_at: Timestamp,
    pub(crate) identity: Identity,
}

/// A row whose first record is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) outbox_id: i64,
    pub(crate) place: Place,
    pub(crate) send_no: i64,
    pub(crate) offset: Offset,
    pub(crate) recorded_at: Timestamp,
}

/// What is to be done about numbered rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// By partition and number.
    pub(crate) confirmed: Vec<Confirmed>,
    /// Rows by partition and number: to be sent in this order.
    pub(crate) resend: Vec<i64>,
}

/// Decides about numbered rows by what stands in the log; the records of one partition in log order.
pub(crate) fn plan(numbered: &[Row], tail: &[Seen]) -> Plan {
    let mut rows: Vec<&Row> = numbered.iter().collect();
    rows.sort_by(|one, two| (&one.place, one.send_no).cmp(&(&two.place, two.send_no)));
    let mut firsts: HashMap<(&Place, Identity), &Seen> = HashMap::with_capacity(tail.len());
    for seen in tail {
        firsts.entry((&seen.place, seen.identity)).or_insert(seen);
    }
    let found: Vec<Option<&Seen>> =
        rows.iter().map(|row| firsts.get(&(&row.place, row.identity)).copied()).collect();
    if fault::planted(Bug::RecoveryFromHighest) {
        return from_highest(&rows, &found);
    }
    let mut plan = Plan::default();
    for (row, found) in rows.into_iter().zip(found) {
        match found {
            Some(seen) => plan.confirmed.push(row.confirmed(seen)),
            None => plan.resend.push(row.outbox_id),
        }
    }
    plan
}

/// The mistake: whatever is numbered below the last row that was found is taken for sent.
fn from_highest(rows: &[&Row], found: &[Option<&Seen>]) -> Plan {
    let mut plan = Plan::default();
    let mut last = None;
    for (row, found) in rows.iter().zip(found).rev() {
        last = found.or(last);
        match last {
            Some(seen) => plan.confirmed.insert(0, row.confirmed(seen)),
            None => plan.resend.insert(0, row.outbox_id),
        }
    }
    plan
}

impl Row {
    fn confirmed(&self, seen: &Seen) -> Confirmed {
        Confirmed {
            outbox_id: self.outbox_id,
            place: self.place.clone(),
            send_no: self.send_no,
            offset: seen.offset,
            recorded_at: seen.recorded_at,
        }
    }
}

/// A partition as the outbox remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) place: Place,
    pub(crate) topic_id: String,
    pub(crate) read_through: Offset,
}

/// A partition as Kafka shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) topic_id: TopicId,
    /// The first offset.
    pub(crate) low: Offset,
    /// The offset after the last record.
    pub(crate) end: Offset,
}

/// Why nothing may be sent to a partition: the log is not the one that the outbox remembers. Names both sides.
pub(crate) fn must_stop(remembered: &Remembered, shown: Option<&Shown>) -> Option<String> {
    let Remembered { place: (topic, partition), topic_id, read_through } = remembered;
    match shown {
        None => Some(format!(
            "the outbox knows {topic} with the id {topic_id}, kafka has no such partition {partition}"
        )),
        Some(shown) if shown.topic_id.as_str() != topic_id => Some(format!(
            "the outbox knows {topic} with the id {topic_id}, kafka has {}: it was deleted and made again",
            shown.topic_id
        )),
        Some(Shown { end, .. }) if read_through > end => Some(format!(
            "the outbox has seen {topic}/{partition} up to offset {read_through}, kafka has it up to {end}: its end was lost"
        )),
        Some(Shown { low, .. }) if read_through < low => Some(format!(
            "the outbox has seen {topic}/{partition} up to offset {read_through}, kafka has it from {low} on: what lay between was removed"
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
