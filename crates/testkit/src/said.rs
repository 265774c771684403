//! Events as a test says them.

use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, Timestamp, TypedEvent};
use serde_json::Value;

/// The source of events that a test says.
const SOURCE: &str = "testkit";

/// An event of the source `testkit`, with the fields of its record as JSON: what is left out has its default, times
/// are milliseconds since the Unix epoch.
///
/// # Panics
/// When the fields are not those of the record, or an attribute is none.
#[track_caller]
pub fn said<T: TypedEvent>(id: &str, subject: &str, at: Timestamp, data: Value) -> Outgoing {
    said_by::<T>(SOURCE, id, subject, at, data)
}

/// The same of another source.
///
/// # Panics
/// As [`said`].
#[track_caller]
pub fn said_by<T: TypedEvent>(source: &str, id: &str, subject: &str, at: Timestamp, data: Value) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).expect("an id"),
        Source::new(source).expect("a source"),
        EventType::new(T::EVENT_TYPE).expect("a type"),
        Subject::new(subject).expect("a subject"),
    );
    let data: T = serde_json::from_value(data).unwrap_or_else(|error| panic!("no {}: {error}", T::SCHEMA));
    Outgoing::typed(envelope.with_time(at), &data).unwrap_or_else(|error| panic!("no {}: {error}", T::SCHEMA))
}
