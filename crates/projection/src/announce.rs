//! Says by an event that a subject was parked, in the very transaction that parks it.
//!
//! The event's id follows from the generation and the position: a position is parked once, whoever parks it and
//! however often the transaction is tried. The event holds nothing that would differ the next time.

use brainops_event::types::projection::SubjectParked;
use brainops_event::{Envelope, EventType, Outgoing, Source, Subject, TypedEvent as _, derived_id};
use brainops_outbox::{Enqueued, enqueue};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::apply::Applier;
use crate::decision::{DecisionError, SOURCE};
use crate::generation::Generation;
use crate::model::ReadModel;
use crate::parked::position;
use crate::reason::ReasonClass;
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

/// The events that say what a generation has parked: for one that was folded from history, where nothing can be appended.
/// Each has the id that following would give it, so that it is said once.
///
/// # Errors
/// When the database does not answer.
pub async fn parked_events(pool: &PgPool, generation: &Generation) -> Result<Vec<Outgoing>, sqlx::Error> {
    let sql = "SELECT topic, partition, record_offset, subject, reason_code, event_source, event_id, recorded_at \
                 FROM {generation}.parked ORDER BY topic, partition, record_offset";
    let rows = sqlx::query(AssertSqlSafe(generation.fill(sql))).fetch_all(pool).await?;
    let event = |row: &PgRow| {
        let first = position(row, ["topic", "partition", "record_offset"])?;
        let (source, id): (Option<String>, Option<String>) =
            (row.try_get("event_source")?, row.try_get("event_id")?);
        let parked = Parked {
            place: (first.topic, first.partition),
            offset: first.offset,
            subject: row.try_get("subject")?,
            class: ReasonClass::from_name(row.try_get("reason_code")?),
            reason: String::new(),
            event: source.zip(id),
            recorded_at: row.try_get("recorded_at")?,
            last: first.offset,
            held: 1,
        };
        parked_event(generation, &parked).map_err(|error| sqlx::Error::Encode(Box::new(error)))
    };
    rows.iter().map(event).collect()
}

impl<M: ReadModel> Applier<M> {
    /// Enqueues the events that say what was parked, in the transaction that parks it. They are sent once it is
    /// committed.
    pub(crate) async fn announce(
        &self,
        connection: &mut PgConnection,
        parked: &[Parked],
    ) -> Result<(), sqlx::Error> {
        let Some(outbox) = self.outbox.as_ref().filter(|_| !parked.is_empty()) else { return Ok(()) };
        let events: Result<Vec<Outgoing>, _> =
            parked.iter().map(|one| parked_event(&self.generation, one)).collect();
        let events = events.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let prepared: Result<Vec<_>, _> = outbox.prepare(events).await.into_iter().collect();
        // Most often a registry that does not answer: as good as a database that does not, and tried again like it.
        let prepared = prepared.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        for (one, enqueued) in parked.iter().zip(enqueue(connection, &prepared).await?) {
            if let Enqueued::Conflict { .. } = enqueued {
                // It was parked before, by other words: in a database that has since been restored from a copy.
                let position = one.position();
                tracing::warn!(projector.name = self.model.name(), event.position = %position, "that this is parked was said before, with other details");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::ModelName;
    use crate::reason::ReasonClass;
    use brainops_event::{Offset, Partition, TopicName};

    fn parked(offset: i64, reason: &str) -> Parked {
        let offset = Offset::new(offset).unwrap();
        Parked {
            place: (TopicName::new("brainops.lead").unwrap(), Partition::new(3).unwrap()),
            offset,
            subject: Some("leads/1".to_owned()),
            class: ReasonClass::ApplyEvent,
            reason: reason.to_owned(),
            event: Some(("a/source".to_owned(), "an-id".to_owned())),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            last: offset,
            held: 1,
        }
    }

    #[test]
    fn what_is_parked_again_is_the_same_event() {
        let read_model = ModelName::new("leads").unwrap();
        let generation = Generation::of_lineage(read_model, 7, 2);
        let first = parked_event(&generation, &parked(5, "one")).unwrap();
        let again = parked_event(&generation, &Parked { held: 9, ..parked(5, "other words") }).unwrap();
        assert_eq!((first.envelope.id(), &first.datum), (again.envelope.id(), &again.datum));
        assert_eq!(first.key(), "leads");
        let behind = parked_event(&generation, &parked(6, "one")).unwrap();
        let other = Generation { number: 8, ..generation };
        let elsewhere = parked_event(&other, &parked(5, "one")).unwrap();
        assert_ne!(first.envelope.id(), behind.envelope.id());
        assert_ne!(first.envelope.id(), elsewhere.envelope.id());
    }
}
