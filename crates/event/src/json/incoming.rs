//! Events that came as JSON: read and checked, then sealed and made ready to be appended.

use serde_json::value::RawValue;

use super::field_error::{Faults, FieldError, FieldErrors, Refusal};
use super::media::{self, Media};
use super::path::Path;
use super::sealing::Typed;
use super::text::{Level, Members, level, read_body};
use super::{acp, cloudevent};
use crate::catalog::{Catalog, SchemaEntry};
use crate::envelope::Envelope;
use crate::ids::EventType;
use crate::keystore::Sealer;
use crate::outgoing::{EncodeError, Outgoing};
use crate::text::AttributeError;
use crate::types::webhook::Received;

/// The most events in one batch.
pub const MAX_BATCH: usize = 1000;

pub(crate) const MESSAGE: &str = "brainops.agent.Message";
const RECEIVED: &str = "brainops.webhook.Received";
const AGENTS: &str = "agent";

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a CloudEvent in JSON.
    CloudEvents,
    /// As an agent message: id, type, source, payload, context.
    Acp,
}

/// An event that was read and has no faults, not yet sealed.
#[derive(Debug)]
pub struct Incoming {
    envelope: Envelope,
    form: Form,
    content: Content,
}

/// Which record will carry the event.
#[derive(Debug)]
pub(crate) enum Content {
    /// The schema of its type.
    Own { schema: &'static SchemaEntry, data: Box<RawValue>, root: &'static str, data_subjects: Vec<String> },
    /// `brainops.agent.Message`.
    Message { payload: Box<RawValue> },
    /// `brainops.webhook.Received`, with the whole event.
    Foreign { whole: Box<RawValue> },
}

/// Which record carries events of a type.
pub(crate) enum Carrier {
    Own(&'static SchemaEntry),
    Message,
    Foreign,
}

impl Carrier {
    pub(crate) fn of(event_type: &EventType) -> Self {
        match Catalog::builtin().schema_for(event_type) {
            Some(schema) if schema.name.as_str() == MESSAGE => Self::Message,
            Some(schema) => Self::Own(schema),
            None if event_type.domain() == AGENTS => Self::Message,
            None => Self::Foreign,
        }
    }
}

/// Reads a body: one event, or a batch of at most 1,000; CloudEvents, agent messages, or both in one batch.
///
/// # Errors
/// Every fault that was found, up to 50; nothing of the body is accepted then.
pub fn parse(body: &[u8], content_type: &str) -> Result<Vec<Incoming>, FieldErrors> {
    let media = media::of_body(content_type)?;
    let raw = read_body(body)?;
    match (media, level(raw, &Path::Root("body"))?) {
        (Media::One | Media::Either, Level::Object(members)) => Ok(vec![one(raw, &members)?]),
        (Media::Batch | Media::Either, Level::Array(items)) => batch(&items),
        (media, other) => {
            let accepted = match media {
                Media::One => "an object: one event",
                Media::Batch => "an array of events",
                Media::Either => "an object (one event) or an array of events",
            };
            Err(FieldError::new("body", accepted, other.kind()).into())
        }
    }
}

fn batch(items: &[&RawValue]) -> Result<Vec<Incoming>, FieldErrors> {
    if items.is_empty() || items.len() > MAX_BATCH {
        let accepted = format!("an array of 1 to {MAX_BATCH} events");
        return Err(FieldError::new("body", accepted, format!("an array of {}", items.len())).into());
    }
    let mut faults = Faults::default();
    let mut events = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        if faults.is_full() {
            break;
        }
        match level(item, &Path::Root("body"))? {
            Level::Object(members) => match one(item, &members) {
                Ok(event) => events.push(event),
                Err(found) => faults.extend_within(found, place),
            },
            other => faults.push(FieldError::new(format!("[{place}]"), "an object: one event", other.kind())),
        }
    }
    faults.settle(events)
}

fn one(raw: &RawValue, members: &Members<'_>) -> Result<Incoming, FieldErrors> {
    if members.get("specversion").is_none() && members.get("payload").is_some() {
        acp::read(members)
    } else {
        cloudevent::read(raw, members)
    }
}

/// Makes a whole batch ready; the keys of all its data subjects are asked for at once.
///
/// # Errors
/// Something could not be sealed; nothing of the batch is made ready then.
pub fn into_outgoing_all(events: Vec<Incoming>, sealer: &dyn Sealer) -> Result<Vec<Outgoing>, Refusal> {
    let data_subjects: Vec<&str> = events.iter().flat_map(Incoming::data_subjects).collect();
    if !data_subjects.is_empty() {
        sealer.prepare(&data_subjects)?;
    }
    events.into_iter().map(|event| event.into_outgoing(sealer)).collect()
}

impl Incoming {
    pub(crate) const fn new(envelope: Envelope, form: Form, content: Content) -> Self {
        Self { envelope, form, content }
    }

    /// What is said about the event.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// How it came.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// What was sent, as JSON text: the data or payload; of an event that has no schema here, the whole event.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.content {
            Content::Own { data, .. } => data.get(),
            Content::Message { payload } => payload.get(),
            Content::Foreign { whole } => whole.get(),
        }
    }

    /// Adds to the envelope what the door knows, such as who sent the event.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn with_envelope(
        self,
        change: impl FnOnce(Envelope) -> Result<Envelope, AttributeError>,
    ) -> Result<Self, AttributeError> {
        Ok(Self { envelope: change(self.envelope)?, ..self })
    }

    /// Whose keys [`Incoming::into_outgoing`] will ask for.
    #[must_use]
    pub fn data_subjects(&self) -> Vec<&str> {
        match &self.content {
            Content::Own { data_subjects, .. } => data_subjects.iter().map(String::as_str).collect(),
            Content::Message { .. } => Vec::new(),
            Content::Foreign { .. } => vec![self.envelope.subject().as_str()],
        }
    }

    /// Seals what is personal and makes the event ready to be appended.
    ///
    /// # Errors
    /// Something could not be sealed.
    pub fn into_outgoing(self, sealer: &dyn Sealer) -> Result<Outgoing, Refusal> {
        let Self { envelope, content, .. } = self;
        let ready = match content {
            Content::Own { schema, data, root, .. } => {
                let subject = envelope.subject().as_str();
                let datum = Typed { schema, data: &data, root, subject }.seal(sealer)?;
                Outgoing::from_datum(envelope, schema, datum)
            }
            Content::Message { payload } => Outgoing::message(envelope, payload.get()),
            Content::Foreign { whole } => {
                let received = received(&envelope, &whole, sealer)?;
                Outgoing::encode(envelope, RECEIVED, &received)
            }
        };
        ready.map_err(|error| Refusal::Fields(unfit(&error)))
    }
}

/// The record of an event that has no schema here: kept whole, as it came.
fn received(envelope: &Envelope, whole: &RawValue, sealer: &dyn Sealer) -> Result<Received, Refusal> {
    let kind =
        Catalog::builtin().by_name(RECEIVED).and_then(|schema| schema.pii.first()).map_or("", |pii| pii.kind);
    let body = sealer.seal(envelope.subject().as_str(), kind, whole.get())?;
    Ok(Received {
        provider: "cloudevents".to_owned(),
        delivery_id: envelope.id().as_str().to_owned(),
        event: Some(envelope.event_type().as_str().to_owned()),
        content_type: "application/cloudevents+json".to_owned(),
        body: Some(body),
    })
}

/// What was read without a fault always fits, unless the door changed the envelope into another event.
fn unfit(error: &EncodeError) -> FieldErrors {
    let found = match error {
        EncodeError::OtherType { .. } => "another type",
        EncodeError::Time => "a time outside of them",
        _ => "data that does not fit",
    };
    FieldError::new("envelope", "the type and time that were read", found).into()
}
