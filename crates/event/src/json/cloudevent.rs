//! CloudEvents 1.0 in JSON, read: attributes, and the data in the way that the carrier of its type wants it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::attributes::{self, Identity, TEXT};
use super::field_error::{Faults, FieldError, FieldErrors};
use super::incoming::{Carrier, Content, Form, Incoming};
use super::media;
use super::path::Path;
use super::sealing::Typed;
use super::text::{Level, Members, level, read_body};
use crate::catalog::SchemaEntry;
use crate::ids::Subject;
use crate::recorded::Body;
use crate::view::EnvelopeView;

pub(crate) fn read(raw: &RawValue, members: &Members<'_>) -> Result<Incoming, FieldErrors> {
    let mut faults = Faults::default();
    attributes::require_version(members, &mut faults);
    let Some(identity) = Identity::read(members, &mut faults) else { return faults.refuse() };
    let carrier = Carrier::of(&identity.event_type);
    let Some(subject) = subject(&carrier, &identity, members, &mut faults) else { return faults.refuse() };
    let content = content(&carrier, raw, members, &subject, &mut faults);
    let envelope = attributes::others(identity.envelope(subject), members, &mut faults);
    match content {
        Some(content) => faults.settle(Incoming::new(envelope, Form::CloudEvents, content)),
        None => faults.refuse(),
    }
}

/// Reads a record of the log whose value is a structured CloudEvent: its envelope, and its data as JSON text.
///
/// # Errors
/// It is no CloudEvent in JSON, it has no subject, or its data is in base64.
pub fn read_structured(value: &[u8]) -> Result<(EnvelopeView<'static>, Body<'_>), FieldErrors> {
    let raw = read_body(value)?;
    let Level::Object(members) = level(raw, &Path::Root("body"))? else {
        return Err(FieldError::new("body", "an object: one event", "another value").into());
    };
    let mut faults = Faults::default();
    attributes::require_version(&members, &mut faults);
    let identity = Identity::read(&members, &mut faults);
    let subject = attributes::required(&members, "subject", Subject::new, &mut faults);
    if members.get_non_null("data_base64").is_some() {
        faults.push(FieldError::new("data_base64", "nothing: data is JSON, in the member data", "data"));
    }
    let (Some(identity), Some(subject)) = (identity, subject) else { return faults.refuse() };
    let envelope = attributes::others(identity.envelope(subject), &members, &mut faults);
    let body = members.get_non_null("data").map_or(Body::Empty, |data| Body::Json(Cow::Borrowed(data.get())));
    faults.settle((envelope.into_view(), body))
}

/// The subject; when none is given to a type that needs one, the fault is noted and the id stands in, so that
/// faults of the data are found all the same.
fn subject(
    carrier: &Carrier,
    identity: &Identity,
    members: &Members<'_>,
    faults: &mut Faults,
) -> Option<Subject> {
    let noted = faults.len();
    if let Some(given) = attributes::subject(members, faults) {
        return Some(given);
    }
    let id = identity.id.as_str();
    let fallback = match carrier {
        Carrier::Own(_) => {
            if faults.len() == noted {
                faults.push(FieldError::new("subject", TEXT, "nothing"));
            }
            id.to_owned()
        }
        Carrier::Message => attributes::correlation(members).unwrap_or_else(|| id.to_owned()),
        Carrier::Foreign => format!("cloudevents/{id}"),
    };
    faults.take(Subject::new(fallback).map_err(|error| FieldError::attribute("subject", &error)))
}

fn content(
    carrier: &Carrier,
    raw: &RawValue,
    members: &Members<'_>,
    subject: &Subject,
    faults: &mut Faults,
) -> Option<Content> {
    let content_type = attributes::datacontenttype(members, faults);
    if members.get("data").is_some() && members.get_non_null("data_base64").is_some() {
        faults.push(FieldError::new("data_base64", "either data or data_base64", "both"));
    }
    if matches!(carrier, Carrier::Foreign) {
        check_base64(members, faults);
        return Some(Content::Foreign { whole: raw.to_owned() });
    }
    if members.get_non_null("data_base64").is_some() {
        let accepted = "nothing: data of this type is JSON, in the member data";
        faults.push(FieldError::new("data_base64", accepted, "data"));
        return None;
    }
    if content_type.is_some_and(|content_type| !media::is_json(&content_type)) {
        let accepted = "a JSON media type such as application/json, since data of this type is JSON";
        faults.push(FieldError::new("datacontenttype", accepted, "another media type"));
    }
    match carrier {
        Carrier::Own(schema) => own(schema, "data", members.get("data"), subject, faults),
        _ => Some(Content::Message { payload: members.get("data").unwrap_or(RawValue::NULL).to_owned() }),
    }
}

/// Data of a type with a schema of its own, without faults.
pub(crate) fn own(
    schema: &'static SchemaEntry,
    root: &'static str,
    data: Option<&RawValue>,
    subject: &Subject,
    faults: &mut Faults,
) -> Option<Content> {
    let Some(data) = data else {
        faults.push(FieldError::new(root, "object", "nothing"));
        return None;
    };
    match (Typed { schema, data, root, subject: subject.as_str() }).look() {
        Ok(data_subjects) => Some(Content::Own { schema, data: data.to_owned(), root, data_subjects }),
        Err(found) => {
            faults.extend(found);
            None
        }
    }
}

fn check_base64(members: &Members<'_>, faults: &mut Faults) {
    let Some(raw) = members.get_non_null("data_base64") else { return };
    let found = match level(raw, &Path::Root("data_base64")) {
        Ok(Level::Text(text)) if STANDARD.decode(&*text).is_ok() => return,
        Ok(Level::Text(_)) => "another string",
        Ok(other) => other.kind(),
        Err(_) => "another value",
    };
    faults.push(FieldError::new("data_base64", "base64 text with padding", found));
}
