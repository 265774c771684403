//! How a partition is begun: the checkpoint compared with the log as it is now. No I/O.

use brainops_event::Offset;
use brainops_log::AssignedPartition;
use chrono::{DateTime, Utc};

use crate::checkpoint::Checkpoint;
use crate::held::{FirstUnapplied, Held, State, Stop};
use crate::reason::ReasonClass;

/// What is known of a partition that was taken over, and from which offset it is read. One that cannot be gone on
/// with is stopped, and read from nowhere: its offset is the end of the log.
pub(crate) fn enter(
    assigned: &AssignedPartition,
    checkpoint: &Checkpoint,
    now: DateTime<Utc>,
) -> (Held, Offset) {
    let (state, start) = match obstacle(assigned, checkpoint) {
        None => (State::Running, checkpoint.next),
        Some((class, reason)) => (State::Stopped(Stop { class, reason, at: None }), assigned.end),
    };
    let held = Held {
        topic_id: assigned.topic_id.clone(),
        epoch: checkpoint.epoch,
        next: checkpoint.next,
        last_digest: checkpoint.last_digest,
        log_end: (assigned.end, now),
        first_unapplied: FirstUnapplied::UnknownSince(now),
        state,
    };
    (held, start)
}

fn obstacle(assigned: &AssignedPartition, checkpoint: &Checkpoint) -> Option<(ReasonClass, String)> {
    let AssignedPartition { topic, topic_id, partition, low, end } = assigned;
    let next = checkpoint.next;
    if topic_id.as_str() != checkpoint.topic_id {
        let folded = &checkpoint.topic_id;
        let reason = format!(
            "{topic} has the id {topic_id}, what was folded had {folded}: it was deleted and made again"
        );
        return Some((ReasonClass::TopicReplaced, reason));
    }
    if next < *low {
        let reason = format!(
            "{topic}/{partition} begins at {low}, the next offset to fold is {next}: [{next}, {low}) was deleted before it was folded"
        );
        return Some((ReasonClass::RetentionPassed, reason));
    }
    if next > *end {
        let reason = format!(
            "{topic}/{partition} ends at {end}, what was folded goes to {next}: the tail of the log was lost"
        );
        return Some((ReasonClass::RecordChanged, reason));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use brainops_event::{Partition, TopicId, TopicName};

    fn entered(id: &str, next: i64) -> (Held, i64) {
        let assigned = AssignedPartition {
            topic: TopicName::new("brainops.lead").unwrap(),
            topic_id: TopicId::new("now").unwrap(),
            partition: Partition::new(3).unwrap(),
            low: Offset::new(10).unwrap(),
            end: Offset::new(20).unwrap(),
        };
        let next = Offset::new(next).unwrap();
        let checkpoint = Checkpoint { topic_id: id.to_owned(), next, epoch: 2, last_digest: None };
        let (held, start) = enter(&assigned, &checkpoint, Utc::now());
        (held, start.get())
    }

    #[test]
    fn a_partition_goes_on_only_where_the_log_is_the_one_that_was_folded() {
        let cases = [
            ("now", 10, None, 10),
            ("now", 15, None, 15),
            ("now", 20, None, 20),
            ("now", 9, Some(ReasonClass::RetentionPassed), 20),
            ("now", 21, Some(ReasonClass::RecordChanged), 20),
            ("before", 15, Some(ReasonClass::TopicReplaced), 20),
        ];
        for (id, next, expected, from) in cases {
            let (held, start) = entered(id, next);
            let stopped = match &held.state {
                State::Stopped(stop) => Some(stop.class),
                State::Running | State::TakenOver => None,
            };
            assert_eq!((stopped, start), (expected, from), "{id} {next}");
        }
    }

    #[test]
    fn both_sides_are_named() {
        let (held, _) = entered("before", 15);
        let State::Stopped(stop) = held.state else { panic!("it runs") };
        assert_eq!(
            stop.reason,
            "brainops.lead has the id now, what was folded had before: it was deleted and made again"
        );
    }
}
