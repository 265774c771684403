//! Calls a read model's pure functions for the events of a batch, and tells whose fault it is when one cannot be
//! folded: the event's, or the read model's own.
//!
//! A panic is caught at the event of the call, and counts as a refusal of that event: the process lives, and others go
//! on. What the tables hold then is of no use; they are thrown away as after any refusal.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use brainops_event::{Offset, Position, Recorded, Timestamp};
use brainops_log::Item;

use crate::checkpoint::Place;
use crate::error::FoldError;
use crate::model::ReadModel;
use crate::sort::Failures;

/// Why events cannot be folded as they are.
#[derive(Debug)]
pub(crate) enum Unfolded {
    /// Events were refused: their subjects are parked from there on.
    Refused(Failures),
    /// The read model's own code is at fault.
    OwnFault { position: Option<Position>, error: FoldError },
}

/// The place, offset and recorded time of a record.
pub(crate) fn place_of(item: &Item<'_>) -> (Place, Offset, Timestamp) {
    match item {
        Item::Event(event) => ((event.topic.clone(), event.partition), event.offset, event.recorded_at),
        Item::Duplicate { place, .. } | Item::Misplaced { place, .. } | Item::Poison { place, .. } => {
            ((place.topic.clone(), place.partition), place.offset, place.recorded_at)
        }
    }
}

/// The longest reason that is kept, in characters.
const REASON_LIMIT: usize = 1_000;

/// How much is kept of what a panic says, in characters: nobody has written it for others to read.
const PANIC_LIMIT: usize = 200;

/// An error with its causes, in one line that every text column can hold.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    crate::decision::line(&brainops_event::error_chain(error), REASON_LIMIT)
}

/// Names all rows that folding will read.
pub(crate) fn want_all<M: ReadModel>(model: &M, events: &[&Recorded<'_>]) -> Result<M::Tables, Unfolded> {
    let mut tables = M::Tables::default();
    each_event(events, |event| model.want(event, &mut tables))?;
    Ok(tables)
}

/// Folds all events into the loaded rows.
pub(crate) fn fold_all<M: ReadModel>(
    model: &M,
    events: &[&Recorded<'_>],
    mut tables: M::Tables,
) -> Result<M::Tables, Unfolded> {
    each_event(events, |event| model.fold(event, &mut tables))?;
    Ok(tables)
}

/// Calls `each` for every event. A refused event ends its subject; others go on, so that one more attempt is enough
/// for all of them.
pub(crate) fn each_event(
    events: &[&Recorded<'_>],
    mut each: impl FnMut(&Recorded<'_>) -> Result<(), FoldError>,
) -> Result<(), Unfolded> {
    let mut refused = Failures::default();
    for event in events {
        if !refused.is_empty() && is_behind(&refused, event) {
            continue;
        }
        match guarded(|| each(event)) {
            Ok(()) => {}
            Err(error) if error.is_own_fault() => {
                return Err(Unfolded::OwnFault { position: Some(event.position()), error });
            }
            Err(error) => refused.note(event, error.class(), chain(&error)),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Unfolded::Refused(refused)) }
}

/// Calls a read model's code for one event. After a panic its tables may be half changed, and must not be used.
pub(crate) fn guarded(call: impl FnOnce() -> Result<(), FoldError>) -> Result<(), FoldError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(FoldError::Panicked { message: message(&*panic) }))
}

fn is_behind(refused: &Failures, event: &Recorded<'_>) -> bool {
    let subject = event.envelope.subject().unwrap_or_default();
    refused.get(&(event.topic.clone(), event.partition), subject).is_some()
}

/// The beginning of what a panic says, if it says it as text.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    crate::decision::line(&text, PANIC_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::ReasonClass;
    use brainops_event::{Body, Envelope, EventId, EventType, Partition, Source, Subject, TopicName};
    use chrono::DateTime;

    fn envelope(subject: &str) -> Envelope {
        let (id, source) = (EventId::new("any").unwrap(), Source::new("tests").unwrap());
        let event_type = EventType::new("business.metric.recorded").unwrap();
        Envelope::new(id, source, event_type, Subject::new(subject).unwrap())
    }

    /// Does what the body says.
    fn fold(event: &Recorded<'_>) -> Result<(), FoldError> {
        let Body::Json(text) = &event.body else { return Ok(()) };
        match &**text {
            "panic" => panic!("{}", "no more than this ".repeat(100)),
            "refuse" => Err(FoldError::refused("it says so")),
            "fault" => Err(FoldError::NotWanted { table: "any" }),
            _ => Ok(()),
        }
    }

    /// Folds events of these subjects, whose bodies say what the fold does.
    fn folded(said: &[(&str, &'static str)]) -> Result<(), Unfolded> {
        let topic = TopicName::new("brainops.business").unwrap();
        let envelopes: Vec<Envelope> = said.iter().map(|(subject, _)| envelope(subject)).collect();
        let mut events = Vec::new();
        for ((offset, (_, body)), envelope) in (0..).zip(said).zip(&envelopes) {
            let (partition, offset) = (Partition::new(0).unwrap(), Offset::new(offset).unwrap());
            let (recorded_at, body) = (DateTime::UNIX_EPOCH, Body::Json((*body).into()));
            let envelope = envelope.view();
            events.push(Recorded { topic: &topic, partition, offset, recorded_at, envelope, body });
        }
        each_event(&events.iter().collect::<Vec<_>>(), fold)
    }

    #[test]
    fn a_panic_ends_its_subject_and_others_go_on() {
        let said =
            [("a", "fold"), ("a", "panic"), ("b", "refuse"), ("a", "fault"), ("c", "fold"), ("c", "panic")];
        let Err(Unfolded::Refused(failures)) = folded(&said) else { panic!("all of it is folded") };
        let place = (TopicName::new("brainops.business").unwrap(), Partition::new(0).unwrap());
        for (subject, offset, reason) in
            [("a", 1, "the fold panicked: no"), ("b", 2, "says so"), ("c", 5, "no")]
        {
            let failure = failures.get(&place, subject).unwrap();
            assert_eq!((failure.offset.get(), failure.class), (offset, ReasonClass::ApplyEvent), "{subject}");
            assert!(failure.reason.contains(reason) && failure.reason.len() < 250, "{failure:?}");
        }
        assert!(folded(&[("a", "fold"), ("b", "fold")]).is_ok());
    }

    #[test]
    fn a_fold_at_fault_is_told_with_the_event_at_which_it_showed() {
        let fault = folded(&[("a", "panic"), ("b", "fault"), ("c", "fold")]).unwrap_err();
        let is_told = |at: &Position| at.offset.get() == 1;
        assert!(matches!(&fault, Unfolded::OwnFault { position: Some(at), .. } if is_told(at)), "{fault:?}");
    }
}
