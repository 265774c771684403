//! A record of the log as people and programs read it.

use brainops_event::json::to_cloudevent_json;
use brainops_event::{
    Body, DecodeError, Position, Recorded, SchemaId, Timestamp, error_chain, format_timestamp,
};
use brainops_log::{Item, Place};
use serde::Serialize;
use serde_json::value::RawValue;

/// A record, ready to be printed.
#[derive(Debug, Serialize)]
pub struct Record {
    /// Where it stands.
    #[serde(serialize_with = "as_text")]
    pub position: Position,
    /// When the log took it.
    #[serde(serialize_with = "as_time")]
    pub recorded_at: Timestamp,
    /// What a reader makes of it: `event`, `duplicate`, `misplaced` or `unreadable`.
    pub verdict: &'static str,
    /// Its type, if it can be read.
    #[serde(skip)]
    pub event_type: Option<String>,
    /// Its subject, if it can be read.
    #[serde(skip)]
    pub subject: Option<String>,
    /// Id of the schema that wrote the data, which is shown as this program reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaId>,
    /// The event as a CloudEvent in JSON; what is sealed stays sealed.
    pub event: Option<Box<RawValue>>,
    /// Why there is no event here, or not its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Record {
    /// Makes a record of what the log gave.
    pub fn of(item: &Item<'_>) -> Record {
        match item {
            Item::Event(event) => Record::of_event(event),
            Item::Duplicate { place, first } => {
                Record::without_event(place, "duplicate", format!("it stands at offset {first} already"))
            }
            Item::Misplaced { place, envelope, reason, .. } => Record {
                event_type: envelope.as_ref().map(|envelope| envelope.event_type().to_owned()),
                ..Record::without_event(place, "misplaced", reason.to_string())
            },
            Item::Poison { place, subject, error } => Record {
                subject: subject.map(str::to_owned),
                ..Record::without_event(place, "unreadable", error_chain(error))
            },
        }
    }

    fn of_event(event: &Recorded<'_>) -> Record {
        let told = to_cloudevent_json(event).map_err(|error: DecodeError| error.to_string());
        let told = told.and_then(|text| RawValue::from_string(text).map_err(|error| error.to_string()));
        let (told, reason) = match told {
            Ok(told) => (Some(told), None),
            Err(reason) => (None, Some(reason)),
        };
        Record {
            position: event.position(),
            recorded_at: event.recorded_at,
            verdict: "event",
            event_type: Some(event.envelope.event_type().to_owned()),
            subject: event.envelope.subject().map(str::to_owned),
            schema: match &event.body {
                Body::Avro { schema, .. } => Some(schema.id),
                Body::Json(_) | Body::Empty => None,
            },
            event: told,
            reason,
        }
    }

    fn without_event(place: &Place<'_>, verdict: &'static str, reason: String) -> Record {
        Record {
            position: place.position(),
            recorded_at: place.recorded_at,
            verdict,
            event_type: None,
            subject: None,
            schema: None,
            event: None,
            reason: Some(reason),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let recorded_at = format_timestamp(&self.recorded_at);
        let what = self.event_type.as_deref().unwrap_or(self.verdict);
        let subject = self.subject.as_deref().unwrap_or_default();
        let reason = match &self.reason {
            Some(reason) => format!("  ({}: {reason})", self.verdict),
            None => String::new(),
        };
        format!("{recorded_at}  {}  {what}  {subject}{reason}", self.position)
    }
}

fn as_text<S: serde::Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(position)
}

fn as_time<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_timestamp(time))
}
