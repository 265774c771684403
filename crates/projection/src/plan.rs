//! Decides, before the database is asked, what of a batch is folded: no I/O.

use std::collections::BTreeMap;

use brainops_event::{Offset, Position};
use brainops_log::Span;

use crate::advance::{Claim, Step, judge};
use crate::checkpoint::{Move, Place};
use crate::held::{Held, Stop};
use crate::reason::ReasonClass;

/// What of a batch is to be folded.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The checkpoints to move.
    pub(crate) moves: BTreeMap<Place, Move>,
    /// Partitions that stop where they are: what came does not follow what is folded.
    pub(crate) stops: BTreeMap<Place, Stop>,
}

/// Plans a batch: partitions that run and whose interval follows.
pub(crate) fn plan(spans: &[Span], held: &BTreeMap<Place, Held>) -> Plan {
    let mut plan = Plan::default();
    for span in spans {
        let place = (span.topic.clone(), span.partition);
        let Some(held) = held.get(&place).filter(|held| held.is_running()) else { continue };
        match judge(held.next, span.from, span.through) {
            Step::Follows => {}
            Step::Replay => continue,
            step @ (Step::Overlap | Step::Gap) => {
                plan.stops.insert(place, out_of_order(span, held, step));
                continue;
            }
        }
        if let Some(stop) = changed_record(span, held) {
            plan.stops.insert(place, stop);
            continue;
        }
        plan.moves.insert(place, follow(span, held));
    }
    plan
}

/// The move over a span.
fn follow(span: &Span, held: &Held) -> Move {
    Move {
        topic_id: held.topic_id.clone(),
        claim: Claim { epoch: held.epoch, from: span.from, through: span.through },
        last_digest: Some(span.last_digest),
        last_recorded_at: Some(span.last_recorded_at),
    }
}

/// The log must still hold, before the span, the record that was folded last.
fn changed_record(span: &Span, held: &Held) -> Option<Stop> {
    let (folded, found) = (held.last_digest?, span.previous_digest?);
    (folded != found).then(|| Stop {
        class: ReasonClass::RecordChanged,
        reason: format!(
            "the log holds another record before {}: its digest is {found}, the one that was folded had {folded}",
            position(span, span.from)
        ),
        at: None,
    })
}

fn out_of_order(span: &Span, held: &Held, step: Step) -> Stop {
    let (from, through, next) = (span.from, span.through, held.next);
    let reason = match step {
        Step::Gap => {
            format!("the log delivered [{from}, {through}), but [{next}, {from}) is missing before it")
        }
        _ => format!("the log delivered [{from}, {through}), of which [{from}, {next}) is folded already"),
    };
    Stop { class: ReasonClass::ProgressionOutOfOrder, reason, at: Some(position(span, next)) }
}

fn position(span: &Span, offset: Offset) -> Position {
    Position { topic: span.topic.clone(), partition: span.partition, offset }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::held::{FirstUnapplied, State};
    use brainops_event::{Partition, TopicId, TopicName};
    use chrono::DateTime;

    const DIGEST: [u8; 16] = [7; 16];

    fn at(offset: i64) -> Offset {
        Offset::new(offset).unwrap()
    }

    fn place() -> Place {
        (TopicName::new("brainops.lead").unwrap(), Partition::new(3).unwrap())
    }

    fn span(from: i64, through: i64) -> Span {
        Span {
            topic: place().0,
            topic_id: TopicId::new("an-id").unwrap(),
            partition: place().1,
            from: at(from),
            through: at(through),
            previous_digest: Some(DIGEST.into()),
            last_digest: [9; 16].into(),
            last_recorded_at: DateTime::UNIX_EPOCH,
            log_end: None,
        }
    }

    fn held(next: i64, state: State) -> BTreeMap<Place, Held> {
        let held = Held {
            topic_id: TopicId::new("an-id").unwrap(),
            epoch: 4,
            next: at(next),
            last_digest: Some(DIGEST.into()),
            log_end: (at(next), DateTime::UNIX_EPOCH),
            first_unapplied: FirstUnapplied::UnknownSince(DateTime::UNIX_EPOCH),
            state,
        };
        BTreeMap::from([(place(), held)])
    }

    fn claimed(plan: &Plan) -> Option<(i64, i64)> {
        plan.moves.get(&place()).map(|one| (one.claim.from.get(), one.claim.through.get()))
    }

    #[test]
    fn what_follows_is_claimed() {
        let running = || held(5, State::Running);
        let cases = [
            (span(5, 9), running(), Some((5, 9)), None),
            (span(2, 5), running(), None, None),
            (span(3, 9), running(), None, Some(ReasonClass::ProgressionOutOfOrder)),
            (span(6, 9), running(), None, Some(ReasonClass::ProgressionOutOfOrder)),
            (span(5, 9), held(5, State::TakenOver), None, None),
            (span(5, 9), BTreeMap::new(), None, None),
        ];
        for (span, held, claim, stopped) in cases {
            let plan = plan(std::slice::from_ref(&span), &held);
            assert_eq!(claimed(&plan), claim, "{span:?}");
            assert_eq!(plan.stops.get(&place()).map(|stop| stop.class), stopped, "{span:?}");
        }
    }

    #[test]
    fn a_gap_is_named() {
        let plan = plan(&[span(8, 9)], &held(5, State::Running));
        let reason = &plan.stops[&place()].reason;
        assert_eq!(reason, "the log delivered [8, 9), but [5, 8) is missing before it");
    }

    #[test]
    fn another_record_under_the_checkpoint_stops_the_partition() {
        let mut other = span(5, 9);
        other.previous_digest = Some([1; 16].into());
        let stopped = plan(&[other.clone()], &held(5, State::Running));
        assert_eq!(stopped.stops[&place()].class, ReasonClass::RecordChanged);
        other.previous_digest = None; // not read: nothing is known
        let taken = plan(&[other], &held(5, State::Running));
        assert_eq!(claimed(&taken), Some((5, 9)));
    }
}
