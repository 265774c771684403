//! What people decide about generations, as events: recorded before the act, so that no act is without a record.
//!
//! Read models fold nothing of it.

use brainops_event::Outgoing;
use brainops_event::types::projection::{GenerationDropped, GenerationSwapped};

use crate::decision::{BY_LIMIT, DecisionError, REASON_LIMIT, check, typed};
use crate::generation::Generation;

/// The event that says that the views are to show another generation; append it, and then swap. `decided_by` is an
/// opaque id of a person, as in a login; `parked_consented` says to how much they consented that the new generation
/// has parked and the old one has not.
///
/// # Errors
/// [`DecisionError`], naming the field that cannot be taken.
pub fn swapped_event(
    from: &Generation,
    to: &Generation,
    parked_consented: usize,
    decided_by: &str,
    reason: Option<&str>,
) -> Result<Outgoing, DecisionError> {
    check_words(decided_by, reason)?;
    typed(&GenerationSwapped {
        read_model: to.read_model.to_string(),
        from_generation: from.number,
        to_generation: to.number,
        parked_consented: i32::try_from(parked_consented).unwrap_or(i32::MAX),
        decided_by: decided_by.to_owned(),
        reason: reason.map(str::to_owned),
    })
}

/// The event that says that a generation is to be removed; append it, and then drop the generation.
///
/// # Errors
/// [`DecisionError`], naming the field that cannot be taken.
pub fn dropped_event(
    generation: &Generation,
    decided_by: &str,
    reason: Option<&str>,
) -> Result<Outgoing, DecisionError> {
    check_words(decided_by, reason)?;
    typed(&GenerationDropped {
        read_model: generation.read_model.to_string(),
        generation: generation.number,
        schema: generation.schema(),
        decided_by: decided_by.to_owned(),
        reason: reason.map(str::to_owned),
    })
}

fn check_words(decided_by: &str, reason: Option<&str>) -> Result<(), DecisionError> {
    check("decided_by", decided_by, BY_LIMIT)?;
    reason.map_or(Ok(()), |reason| check("reason", reason, REASON_LIMIT))
}
