//! Events that were read from the log, as JSON: a structured CloudEvent, or an agent message.
//!
//! What is sealed stays sealed and is shown as a token. A payload that is kept as JSON text appears exactly as it
//! came. Both forms can come in again: data of a schema then gives the same bytes.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::incoming::MESSAGE;
use crate::recorded::{Body, DecodeError, Recorded, json_error};
use crate::time::format_timestamp;
use crate::types::agent::Message;

/// The event as a structured CloudEvent.
///
/// # Errors
/// The data cannot be read.
pub fn to_cloudevent_json(event: &Recorded<'_>) -> Result<String, DecodeError> {
    let envelope = &event.envelope;
    let time = envelope.time().map(|time| format_timestamp(&time));
    let mut object = Object::default();
    object.text("specversion", Some("1.0"));
    object.text("id", Some(envelope.id()));
    object.text("source", Some(envelope.source()));
    object.text("type", Some(envelope.event_type()));
    object.text("subject", envelope.subject());
    object.text("time", time.as_deref());
    object.text("dataschema", envelope.dataschema());
    object.text("correlationid", envelope.correlation_id());
    object.text("causationid", envelope.causation_id());
    object.text("traceparent", envelope.traceparent());
    object.text("authid", envelope.auth_id());
    object.text("priority", envelope.priority().map(|priority| priority.as_str()));
    object.text("trust", envelope.trust().map(|trust| trust.as_str()));
    for (name, value) in envelope.extensions() {
        object.text(name, Some(value));
    }
    if let Some(data) = data(event)? {
        object.text("datacontenttype", Some("application/json"));
        object.raw("data", data);
    }
    object.write()
}

/// The event as an agent message. What ACP has no member for (subject, time, extensions) is left out, which loses
/// nothing of an event that came as an agent message.
///
/// # Errors
/// The data cannot be read.
pub fn to_acp_json(event: &Recorded<'_>) -> Result<String, DecodeError> {
    let envelope = &event.envelope;
    let mut context = Object::default();
    context.text("trace_id", envelope.correlation_id());
    context.text("priority", envelope.priority().map(|priority| priority.as_str()));
    let mut object = Object::default();
    object.text("id", Some(envelope.id()));
    object.text("type", Some(envelope.event_type()));
    object.text("source", Some(envelope.source()));
    object.raw("payload", data(event)?.unwrap_or_else(|| RawValue::NULL.to_owned()));
    if !context.0.is_empty() {
        object.raw("context", context.raw_value()?);
    }
    object.write()
}

/// The data as JSON text; of a message, the payload as it came.
fn data(event: &Recorded<'_>) -> Result<Option<Box<RawValue>>, DecodeError> {
    let text = match &event.body {
        Body::Empty => return Ok(None),
        Body::Json(text) => text.clone().into_owned(),
        Body::Avro { schema, .. } if schema.name.as_str() == MESSAGE => event.decode::<Message>()?.payload,
        Body::Avro { .. } => return to_raw(&event.json()?).map(Some),
    };
    RawValue::from_string(text).map(Some).map_err(|error| json_error(&error))
}

fn to_raw(value: &Value) -> Result<Box<RawValue>, DecodeError> {
    to_raw_value(value).map_err(|error| json_error(&error))
}

/// Members in the order in which they were put in.
#[derive(Default)]
struct Object(Vec<(String, Member)>);

enum Member {
    Text(String),
    Raw(Box<RawValue>),
}

impl Object {
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), Member::Text(value.to_owned())));
        }
    }

    fn raw(&mut self, name: &str, value: Box<RawValue>) {
        self.0.push((name.to_owned(), Member::Raw(value)));
    }

    fn write(&self) -> Result<String, DecodeError> {
        serde_json::to_string(self).map_err(|error| json_error(&error))
    }

    fn raw_value(&self) -> Result<Box<RawValue>, DecodeError> {
        to_raw_value(self).map_err(|error| json_error(&error))
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            match value {
                Member::Text(text) => map.serialize_entry(name, text)?,
                Member::Raw(raw) => map.serialize_entry(name, raw)?,
            }
        }
        map.end()
    }
}
