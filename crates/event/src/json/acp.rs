//! Agent messages (ACP), read: `{id, type, source, payload, context: {trace_id, priority}}`.
//!
//! The trace becomes the correlation id, the priority the attribute of that name; nothing else is accepted, so
//! nothing is lost. A type with a schema of its own is carried by it, any other by `brainops.agent.Message`.

use serde_json::value::RawValue;

use super::attributes::{Identity, TEXT};
use super::cloudevent::own;
use super::field_error::{Faults, FieldError, FieldErrors};
use super::incoming::{Carrier, Content, Form, Incoming};
use super::path::Path;
use super::subject;
use super::text::{Level, Members, level};
use crate::catalog::SchemaEntry;
use crate::envelope::{Envelope, Priority};
use crate::ids::Subject;
use crate::text::{AttributeError, CORRELATION_ID};

const MEMBERS: [&str; 5] = ["id", "type", "source", "payload", "context"];
const CONTEXT: [&str; 2] = ["trace_id", "priority"];

#[derive(Default)]
struct Context {
    trace_id: Option<String>,
    priority: Option<Priority>,
}

pub(crate) fn read(members: &Members<'_>) -> Result<Incoming, FieldErrors> {
    let mut faults = Faults::default();
    refuse_others(members, &MEMBERS, None, &mut faults);
    let context = context(members, &mut faults);
    let identity = Identity::read(members, &mut faults);
    let payload = members.get("payload").unwrap_or(RawValue::NULL);
    let Some(identity) = identity else { return faults.refuse() };
    let schema = match Carrier::of(&identity.event_type) {
        Carrier::Own(schema) => Some(schema),
        Carrier::Message | Carrier::Foreign => None,
    };
    let subject = subject_of(schema, &identity, payload, context.trace_id.as_deref());
    let Some(subject) = faults.take(subject) else { return faults.refuse() };
    let content = match schema {
        Some(schema) => own(schema, "payload", Some(payload), &subject, &mut faults),
        None => Some(Content::Message { payload: payload.to_owned() }),
    };
    let envelope = faults.take(with_context(identity.envelope(subject), context));
    match (envelope, content) {
        (Some(envelope), Some(content)) => faults.settle(Incoming::new(envelope, Form::Acp, content)),
        _ => faults.refuse(),
    }
}

fn context(members: &Members<'_>, faults: &mut Faults) -> Context {
    let path = Path::Root("context");
    let Some(raw) = members.get_non_null("context") else { return Context::default() };
    match level(raw, &path) {
        Ok(Level::Object(context)) => {
            refuse_others(&context, &CONTEXT, Some("context"), faults);
            let trace_id = text(&context, "trace_id", "context.trace_id", faults).and_then(|trace_id| {
                let checked = CORRELATION_ID
                    .check(&trace_id)
                    .map_err(|error| attribute_error("context.trace_id", &error));
                faults.take(checked.map(|()| trace_id))
            });
            let priority = text(&context, "priority", "context.priority", faults);
            let priority = priority.and_then(|word| {
                let parsed = word.parse().map_err(|error| attribute_error("context.priority", &error));
                faults.take(parsed)
            });
            Context { trace_id, priority }
        }
        Ok(other) => {
            faults.push(FieldError::new("context", "object with trace_id and priority", other.kind()));
            Context::default()
        }
        Err(fault) => {
            faults.push(fault);
            Context::default()
        }
    }
}

/// A string that may be missing or null.
fn text(context: &Members<'_>, name: &str, field: &'static str, faults: &mut Faults) -> Option<String> {
    match level(context.get_non_null(name)?, &Path::Root(field)) {
        Ok(Level::Text(text)) if !text.is_empty() => Some(text.into_owned()),
        Ok(other) => {
            faults.push(FieldError::new(field, TEXT, other.kind()));
            None
        }
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

fn refuse_others(
    members: &Members<'_>,
    accepted: &[&str],
    parent: Option<&'static str>,
    faults: &mut Faults,
) {
    for (name, _) in members.0.iter().filter(|(name, _)| !accepted.contains(&name.as_ref())) {
        let root = Path::Root(parent.unwrap_or("message"));
        let field = root.member(name).to_string();
        faults.push(FieldError::new(
            field,
            format!("only these members: {}", accepted.join(", ")),
            "another member",
        ));
    }
}

/// What the payload names, else the trace, else, for a message without a schema, the message itself.
fn subject_of(
    schema: Option<&SchemaEntry>,
    identity: &Identity,
    payload: &RawValue,
    trace_id: Option<&str>,
) -> Result<Subject, FieldError> {
    let path = Path::Root("payload");
    let named = match (level(payload, &path)?, schema) {
        (Level::Object(members), Some(schema)) => subject::of_record(schema.name.as_str(), &members),
        (Level::Object(members), None) => subject::of_free(&members),
        _ => None,
    };
    let own_id = || schema.is_none().then(|| identity.id.as_str().to_owned());
    let subject = named.or_else(|| trace_id.map(str::to_owned)).or_else(own_id);
    let accepted = "what names the subject of this type, or context.trace_id";
    let subject = subject.ok_or_else(|| FieldError::new("payload", accepted, "neither"))?;
    Subject::new(subject).map_err(|error| attribute_error("payload", &error))
}

fn with_context(mut envelope: Envelope, context: Context) -> Result<Envelope, FieldError> {
    if let Some(trace_id) = context.trace_id {
        let set = envelope.with_correlation_id(trace_id);
        envelope = set.map_err(|error| attribute_error("context.trace_id", &error))?;
    }
    Ok(match context.priority {
        Some(priority) => envelope.with_priority(priority),
        None => envelope,
    })
}

fn attribute_error(field: &str, error: &AttributeError) -> FieldError {
    FieldError::attribute(field, error)
}
