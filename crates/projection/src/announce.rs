//! Says by an event that a subject was parked, in the very transaction that parks it.
//!
//! The event's id follows from the generation and the position: a position is parked once, whoever parks it and
//! however often the transaction is tried. The event holds nothing that would differ the next time.

use brainops_event::types::projection::SubjectParked;
use brainops_event::{Envelope, EventType, Outgoing, Source, Subject, TypedEvent as _, derived_id};

use crate::decision::{DecisionError, SOURCE};
use crate::generation::Generation;
use crate::sort::Parked;

/// The event that says that this was parked.
pub(crate) fn parked_event(generation: &Generation, parked: &Parked) -> Result<Outgoing, DecisionError> {
    let source = Source::new(SOURCE)?;
    let position = parked.position().to_string();
    let id = derived_id(&source, &["parked", &generation.schema(), &position]);
    let event_type = EventType::new(SubjectParked::EVENT_TYPE)?;
    let envelope = Envelope::new(id, source, event_type, Subject::new(generation.read_model.as_str())?);
    let (event_source, event_id) = parked.event.clone().unzip();
    let data = SubjectParked {
        read_model: generation.read_model.to_string(),
        generation: generation.number,
        topic: parked.place.0.to_string(),
        partition: parked.place.1.get(),
        offset: parked.offset.to_string(),
        subject: parked.subject.clone(),
        reason_class: parked.class.to_string(),
        event_source,
        event_id,
    };
    // Parked when the log recorded it, as far as anybody can say again: the clock here would say another time.
    Ok(Outgoing::typed(envelope.with_time(parked.recorded_at), &data)?)
}

/// Enqueues the events.
pub(crate) async fn announce(
    _connection: &mut sqlx::postgres::PgConnection,
    generation: &Generation,
    parked: &[Parked],
) -> Result<(), sqlx::Error> {
    for one in parked {
        parked_event(generation, one).map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
    }
    Ok(())
}
