//! The attributes of an event, from JSON: read once, every fault noted, then an envelope.

use serde_json::value::RawValue;

use super::field_error::{Faults, FieldError, shown};
use super::path::Path;
use super::scalar;
use super::text::{Level, Members, level};
use crate::envelope::Envelope;
use crate::ids::{EventId, EventType, Source, Subject};
use crate::text::{AttributeError, Flaw};

pub(crate) const TEXT: &str = "a non-empty string";
const NAME: &str = "an attribute name of 1 to 20 characters of a-z and 0-9";
const VALUE: &str = "a string, a boolean or an integer of 32 bits";
const VERSION: &str = "\"1.0\" (what has a payload and no specversion is read as an agent message)";
const MAX_ATTRIBUTES: usize = 64;
const MAX_NAME_BYTES: usize = 20;

/// Members that are read on their own, before the others.
const READ_APART: [&str; 8] =
    ["specversion", "id", "source", "type", "subject", "datacontenttype", "data", "data_base64"];

/// What every event says of itself.
pub(crate) struct Identity {
    pub id: EventId,
    pub source: Source,
    pub event_type: EventType,
}

impl Identity {
    /// Reads `id`, `source` and `type`.
    pub(crate) fn read(members: &Members<'_>, faults: &mut Faults) -> Option<Self> {
        let id = required(members, "id", EventId::new, faults);
        let source = required(members, "source", Source::new, faults);
        let event_type = required(members, "type", EventType::new, faults);
        Some(Self { id: id?, source: source?, event_type: event_type? })
    }

    pub(crate) fn envelope(self, subject: Subject) -> Envelope {
        Envelope::new(self.id, self.source, self.event_type, subject)
    }
}

/// Notes a fault when `specversion` is not "1.0".
pub(crate) fn require_version(members: &Members<'_>, faults: &mut Faults) {
    let found = match members.get("specversion").map(|raw| level(raw, &Path::Root("specversion"))) {
        Some(Ok(Level::Text(text))) if text == "1.0" => return,
        Some(Ok(Level::Text(_))) => "another string",
        Some(Ok(other)) => other.kind(),
        Some(Err(_)) | None => "nothing",
    };
    faults.push(FieldError::new("specversion", VERSION, found));
}

/// The subject, if one is given.
pub(crate) fn subject(members: &Members<'_>, faults: &mut Faults) -> Option<Subject> {
    optional(members, "subject", Subject::new, faults)
}

/// The correlation id, if there is one that can be used; its faults are noted elsewhere.
pub(crate) fn correlation(members: &Members<'_>) -> Option<String> {
    match level(members.get("correlationid")?, &Path::Root("correlationid")) {
        Ok(Level::Text(text)) if Subject::new(text.as_ref()).is_ok() => Some(text.into_owned()),
        _ => None,
    }
}

/// The media type of the data, if one is given.
pub(crate) fn datacontenttype(members: &Members<'_>, faults: &mut Faults) -> Option<String> {
    optional(members, "datacontenttype", Ok::<String, AttributeError>, faults)
}

/// Sets every other attribute: those that the envelope knows, and extensions.
pub(crate) fn others(mut envelope: Envelope, members: &Members<'_>, faults: &mut Faults) -> Envelope {
    if members.0.len() > MAX_ATTRIBUTES {
        let accepted = format!("at most {MAX_ATTRIBUTES} attributes");
        faults.push(FieldError::new("attributes", accepted, format!("{}", members.0.len())));
        return envelope;
    }
    for (name, raw) in &members.0 {
        if READ_APART.contains(&name.as_ref()) || raw.get() == "null" {
            continue;
        }
        if let Some(value) = faults.take(extension(name, raw))
            && let Some(with) = faults.take(set(envelope.clone(), name, value))
        {
            envelope = with;
        }
    }
    envelope
}

/// The value of an attribute as a header holds it.
fn extension(name: &str, raw: &RawValue) -> Result<String, FieldError> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_name) {
        return Err(FieldError::new(shown(name), NAME, "another name"));
    }
    match level(raw, &Path::Root("attribute"))? {
        Level::Text(text) => Ok(text.into_owned()),
        Level::Bool(value) => Ok(value.to_string()),
        Level::Number(digits) => {
            let value: Result<i32, _> = digits.parse();
            value.map(|value| value.to_string()).map_err(|_| FieldError::new(name, VALUE, "another number"))
        }
        other => Err(FieldError::new(name, VALUE, other.kind())),
    }
}

fn set(envelope: Envelope, name: &str, value: String) -> Result<Envelope, FieldError> {
    let set = match name {
        "time" => return time(envelope, &value),
        "dataschema" => envelope.with_dataschema(value),
        "correlationid" => envelope.with_correlation_id(value),
        "causationid" => envelope.with_causation_id(value),
        "traceparent" => envelope.with_traceparent(value),
        "authid" => envelope.with_auth_id(value),
        "priority" => value.parse().map(|priority| envelope.with_priority(priority)),
        "trust" => value.parse().map(|trust| envelope.with_trust(trust)),
        _ => envelope.with_extension(name, value),
    };
    set.map_err(|error| FieldError::attribute(name, &error))
}

fn time(envelope: Envelope, value: &str) -> Result<Envelope, FieldError> {
    let accepted = "an RFC 3339 time within the years 0001 to 9999";
    let moment = scalar::moment(value).map_err(|found| FieldError::new("time", accepted, found))?;
    Ok(envelope.with_time(moment))
}

/// Reads a string that must be there.
pub(crate) fn required<T>(
    members: &Members<'_>,
    name: &'static str,
    check: impl FnOnce(String) -> Result<T, AttributeError>,
    faults: &mut Faults,
) -> Option<T> {
    match members.get(name) {
        Some(raw) => faults.take(text(raw, name, check)),
        None => faults.take(Err(FieldError::new(name, TEXT, "nothing"))),
    }
}

/// Reads a string that may be missing or null.
fn optional<T>(
    members: &Members<'_>,
    name: &'static str,
    check: impl FnOnce(String) -> Result<T, AttributeError>,
    faults: &mut Faults,
) -> Option<T> {
    members.get_non_null(name).and_then(|raw| faults.take(text(raw, name, check)))
}

fn text<T>(
    raw: &RawValue,
    name: &'static str,
    check: impl FnOnce(String) -> Result<T, AttributeError>,
) -> Result<T, FieldError> {
    match level(raw, &Path::Root(name))? {
        Level::Text(text) => check(text.into_owned()).map_err(|error| match error.flaw {
            Flaw::Empty => FieldError::new(name, TEXT, "an empty string"),
            _ => FieldError::attribute(name, &error),
        }),
        other => Err(FieldError::new(name, TEXT, other.kind())),
    }
}
