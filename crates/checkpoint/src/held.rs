//! What a process knows of the partitions that are its own, and what of a batch follows. No I/O.

use std::collections::BTreeMap;

use brainops_event::{Offset, TopicId};
use brainops_log::{AssignedPartition, RecordDigest, Span};

use crate::advance::{Claim, Found, Step, judge};
use crate::checkpoint::{Checkpoint, Move, Place};

/// A partition that is ours.
#[derive(Debug, Clone)]
pub struct Held {
    topic_id: TopicId,
    epoch: i64,
    /// The next offset to take.
    pub next: Offset,
    last_digest: Option<RecordDigest>,
    /// Whether it is gone on with.
    pub state: State,
}

/// Whether a partition is gone on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its records are taken.
    Running,
    /// It stands, and this is why. A new assignment tries again.
    Stopped(String),
    /// Somebody else has a newer epoch.
    TakenOver,
}

/// What is known of a partition that was taken over, and from where it is read: one that cannot be gone on with stands at
/// the end of the log.
#[must_use]
pub fn enter(assigned: &AssignedPartition, checkpoint: &Checkpoint) -> (Held, Offset) {
    let obstacle = obstacle(assigned, checkpoint);
    let start = if obstacle.is_none() { checkpoint.next } else { assigned.end };
    let held = Held {
        topic_id: assigned.topic_id.clone(),
        epoch: checkpoint.epoch,
        next: checkpoint.next,
        last_digest: checkpoint.last_digest,
        state: obstacle.map_or(State::Running, State::Stopped),
    };
    (held, start)
}

fn obstacle(assigned: &AssignedPartition, checkpoint: &Checkpoint) -> Option<String> {
    let AssignedPartition { topic, topic_id, partition, low, end } = assigned;
    let next = checkpoint.next;
    if topic_id.as_str() != checkpoint.topic_id {
        let taken = &checkpoint.topic_id;
        return Some(format!("{topic} has the id {topic_id}, what was taken had {taken}: it was made again"));
    }
    if next < *low {
        return Some(format!("{topic}/{partition} begins at {low}, and [{next}, {low}) was not taken yet"));
    }
    (next > *end)
        .then(|| format!("{topic}/{partition} ends at {end}, but {next} was taken: its tail was lost"))
}

/// The checkpoints that a batch moves; partitions whose records do not follow are stopped.
pub fn plan(spans: &[Span], all: &mut BTreeMap<Place, Held>) -> BTreeMap<Place, Move> {
    let mut moves = BTreeMap::new();
    for span in spans {
        let place = (span.topic.clone(), span.partition);
        let Some(held) = all.get_mut(&place).filter(|held| held.state == State::Running) else { continue };
        match (judge(held.next, span.from, span.through), is_other_record(span, held)) {
            (Step::Replay, _) => {}
            (Step::Follows, false) => {
                let claim = Claim { epoch: held.epoch, from: span.from, through: span.through };
                let topic_id = held.topic_id.clone();
                let (digest, at) = (Some(span.last_digest), Some(span.last_recorded_at));
                moves.insert(place, Move { topic_id, claim, last_digest: digest, last_recorded_at: at });
            }
            (Step::Follows, true) => {
                held.state = State::Stopped(format!(
                    "{}/{} holds another record before {} than the one that was taken",
                    place.0, place.1, span.from
                ));
            }
            (Step::Overlap | Step::Gap, _) => {
                let (from, through, next) = (span.from, span.through, held.next);
                held.state = State::Stopped(format!(
                    "{}/{} delivered [{from}, {through}), and {next} is the next to take",
                    place.0, place.1
                ));
            }
        }
    }
    moves
}

/// The log must still hold, before the span, the record that was taken last.
fn is_other_record(span: &Span, held: &Held) -> bool {
    let known = held.last_digest.zip(span.previous_digest);
    known.is_some_and(|(taken, found)| taken != found)
}

impl Held {
    /// Where its checkpoint must stand for us to be its owner; to be compared by [`crate::lock_own`].
    #[must_use]
    pub const fn found(&self) -> Found {
        Found { epoch: self.epoch, next: self.next }
    }

    /// Notes that its epoch was raised by ourselves.
    pub(crate) fn raised(&mut self, epoch: i64) {
        self.epoch = epoch;
    }

    /// Notes what a committed transaction has moved.
    pub fn moved(&mut self, by: &Move) {
        self.next = by.claim.through;
        self.last_digest = by.last_digest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brainops_event::{Partition, TopicName};
    use chrono::DateTime;

    fn at(offset: i64) -> Offset {
        Offset::new(offset).unwrap()
    }

    fn place() -> Place {
        (TopicName::new("brainops.lead").unwrap(), Partition::new(3).unwrap())
    }

    fn entered(id: &str, next: i64) -> (Held, Offset) {
        let assigned = AssignedPartition {
            topic: place().0,
            topic_id: TopicId::new("now").unwrap(),
            partition: place().1,
            low: at(10),
            end: at(20),
        };
        let last_digest = Some([7; 16].into());
        enter(&assigned, &Checkpoint { topic_id: id.to_owned(), next: at(next), epoch: 2, last_digest })
    }

    #[test]
    fn a_partition_goes_on_only_where_the_log_is_the_one_that_was_taken() {
        for (id, next, runs, start) in [
            ("now", 10, true, 10),
            ("now", 20, true, 20),
            ("now", 9, false, 20),
            ("now", 21, false, 20),
            ("before", 15, false, 20),
        ] {
            let (held, from) = entered(id, next);
            assert_eq!((held.state == State::Running, from), (runs, at(start)), "{id} {next}");
        }
    }

    #[test]
    fn only_what_follows_is_claimed() {
        let span = |from, through, digest: u8| Span {
            topic: place().0,
            topic_id: TopicId::new("now").unwrap(),
            partition: place().1,
            from: at(from),
            through: at(through),
            previous_digest: Some([digest; 16].into()),
            last_digest: [9; 16].into(),
            last_recorded_at: DateTime::UNIX_EPOCH,
            log_end: None,
        };
        for (span, claimed, runs) in [
            (span(15, 18, 7), true, true),
            (span(12, 15, 7), false, true),
            (span(12, 18, 7), false, false),
            (span(16, 18, 7), false, false),
            (span(15, 18, 8), false, false),
        ] {
            let mut all = BTreeMap::from([(place(), entered("now", 15).0)]);
            let moves = plan(std::slice::from_ref(&span), &mut all);
            assert_eq!(
                (moves.len() == 1, all[&place()].state == State::Running),
                (claimed, runs),
                "{span:?}"
            );
        }
    }
}
