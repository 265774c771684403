//! Calls a read model's pure functions for the events of a batch, and tells whose fault it is when one cannot be
//! folded: the event's, or the read model's own.

use std::any::Any;
use std::cell::Cell;
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
/// for all of them. A panic is the read model's own fault, at the event of the call.
pub(crate) fn each_event(
    events: &[&Recorded<'_>],
    mut each: impl FnMut(&Recorded<'_>) -> Result<(), FoldError>,
) -> Result<(), Unfolded> {
    let at = Cell::new(0);
    let called = catch_unwind(AssertUnwindSafe(|| {
        let mut refused = Failures::default();
        for (number, event) in events.iter().enumerate() {
            at.set(number);
            if !refused.is_empty() && is_behind(&refused, event) {
                continue;
            }
            match each(event) {
                Ok(()) => {}
                Err(error) if error.is_own_fault() => return Err((event.position(), error)),
                Err(error) => refused.note(event, error.class(), chain(&error)),
            }
        }
        Ok(refused)
    }));
    match called {
        Ok(Ok(refused)) if refused.is_empty() => Ok(()),
        Ok(Ok(refused)) => Err(Unfolded::Refused(refused)),
        Ok(Err((position, error))) => Err(Unfolded::OwnFault { position: Some(position), error }),
        Err(panic) => {
            let position = events.get(at.get()).map(|event| event.position());
            Err(Unfolded::OwnFault { position, error: FoldError::Panicked { message: message(&*panic) } })
        }
    }
}

fn is_behind(refused: &Failures, event: &Recorded<'_>) -> bool {
    let subject = event.envelope.subject().unwrap_or_default();
    refused.get(&(event.topic.clone(), event.partition), subject).is_some()
}

/// What a panic says, if it says it as text.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    crate::decision::line(&text, REASON_LIMIT)
}
