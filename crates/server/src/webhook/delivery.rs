//! One delivery, and how the events that follow from it are made.
use brainops_event::types::webhook::Received;
use brainops_event::{
    AttributeError, Envelope, EventId, EventType, Outgoing, Sealer, Source, Subject, Timestamp, Trust,
};
use brainops_event::{TypedEvent, derived_id};

use crate::fault::key_problem;
use crate::problem::{FieldProblem, Kind, Problem};

/// The kind that a whole body is sealed as; `schemas/webhook/received.avsc` names it.
const SEALED_AS: &str = "delivery";

/// A delivery as it came, after the door has established who sent it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who delivers, such as `github`; also the first segment of the subject of what is kept.
    pub provider: &'static str,
    /// Source of all its events.
    pub source: Source,
    /// Id of the delivery, and of its `webhook.received`.
    pub id: EventId,
    /// Name of the event at the provider.
    pub event: Option<String>,
    /// Who let it in, by the opaque name that its events carry.
    pub auth_id: &'static str,
    /// The body as it came.
    pub body: String,
}

/// What a typed event says beside its data.
pub struct About<'a> {
    pub subject: String,
    pub time: Option<Timestamp>,
    /// What tells this event from the others of the same source.
    pub id_parts: &'a [&'a str],
    /// Field of the delivery that the subject is made of, for the message when it cannot be one.
    pub field: String,
}

impl Delivery {
    /// A typed event that follows from this delivery.
    pub fn fact<Fact: TypedEvent>(&self, about: About<'_>, fact: &Fact) -> Result<Outgoing, FieldProblem> {
        let wrong = |error: AttributeError| FieldProblem::of_attribute(about.field.clone(), &error);
        let event_type = EventType::new(Fact::EVENT_TYPE).map_err(wrong)?;
        let subject = Subject::new(about.subject).map_err(wrong)?;
        let id = derived_id(&self.source, about.id_parts);
        let envelope = self
            .envelope(id, event_type, subject)
            .and_then(|envelope| envelope.with_causation_id(self.id.as_str()));
        let mut envelope = envelope.map_err(wrong)?;
        if let Some(time) = about.time {
            envelope = envelope.with_time(time);
        }
        Outgoing::typed(envelope, fact)
            .map_err(|_| FieldProblem::new(about.field, "what the event's schema can hold", "something else"))
    }

    /// The delivery itself, its body sealed under a key of its own.
    pub fn kept_whole(&self, sealer: &dyn Sealer) -> Result<Outgoing, Problem> {
        let subject = format!("{}/{}", self.provider, self.id);
        let body = sealer.seal(&subject, SEALED_AS, &self.body).map_err(|error| key_problem(&error))?;
        let received = Received {
            provider: self.provider.to_owned(),
            delivery_id: self.id.to_string(),
            event: self.event.clone(),
            content_type: "application/json".to_owned(),
            body: Some(body),
        };
        let fault = |error: &dyn std::error::Error| {
            tracing::error!(%error, "a delivery could not be kept");
            Problem::new(Kind::Internal, "the delivery could not be kept")
        };
        let event_type = EventType::new(Received::EVENT_TYPE).map_err(|error| fault(&error))?;
        let subject = Subject::new(subject).map_err(|error| fault(&error))?;
        let envelope = self.envelope(self.id.clone(), event_type, subject).map_err(|error| fault(&error))?;
        Outgoing::typed(envelope, &received).map_err(|error| fault(&error))
    }

    fn envelope(
        &self,
        id: EventId,
        event_type: EventType,
        subject: Subject,
    ) -> Result<Envelope, AttributeError> {
        let envelope = Envelope::new(id, self.source.clone(), event_type, subject);
        Ok(envelope.with_auth_id(self.auth_id)?.with_trust(Trust::External))
    }
}
