//! The event that says what was taken.

use brainops_event::types::saga::{SagaDecision, SagaReacted, SagaRefusal};
use brainops_event::{Envelope, EventType, Outgoing, Position, Subject, TypedEvent as _, derived_id};

use crate::canonical;
use crate::cast::TOPIC;
use crate::instance::Instance;
use crate::pen::{Written, source_of};
use crate::refusal::Refusal;
use crate::wait;

/// The event that says what was taken, and what the instance is now.
pub(super) fn reacted(
    agent: &str,
    instance: &Instance,
    consumed: &[Position],
    refused: Vec<SagaRefusal>,
    written: &[Written],
) -> Result<Outgoing, Refusal> {
    let source = source_of(agent)?;
    let subject = format!("{agent}/{}", instance.correlation);
    let revision = instance.revision.to_string();
    let id = derived_id(&source, &[&instance.correlation, "reacted", &revision]);
    let event_type = EventType::new(SagaReacted::EVENT_TYPE)?;
    let envelope = Envelope::new(id, source, event_type, Subject::new(subject.as_str())?);
    let correlation_id = Some(&instance.book.correlation_id).filter(|id| !id.is_empty());
    let envelope =
        envelope.with_time(instance.last_input_at).with_correlation_id(correlation_id.unwrap_or(&subject))?;
    let decisions = written.iter().filter(|written| !written.is_fact).map(|written| SagaDecision {
        id: written.event.envelope.id().to_string(),
        event_type: written.event.envelope.event_type().to_string(),
        digest: digest_of(&written.event),
    });
    let data = SagaReacted {
        agent: agent.to_owned(),
        correlation: instance.correlation.clone(),
        run: instance.run,
        version: i32::try_from(instance.version).unwrap_or(i32::MAX),
        revision: instance.revision,
        consumed: consumed.iter().map(ToString::to_string).collect(),
        status: instance.status().to_owned(),
        state_digest: instance.digest()?,
        decisions: decisions.collect(),
        waits: wait::told(instance),
        refused: Some(refused),
    };
    Ok(Outgoing::typed(envelope, &data)?)
}

/// For each event of a transaction the one that must stand in the log first, by index, if its own is `first`: the
/// `saga.reacted`, which comes first. What goes to the same partition keeps the order anyway.
pub(crate) fn gates_of(first: usize, written: &[Written]) -> impl Iterator<Item = Option<usize>> {
    let is_elsewhere = |(nth, one): (usize, &Written)| nth > 0 && one.event.topic() != TOPIC;
    written.iter().enumerate().map(move |one| is_elsewhere(one).then_some(first))
}

/// What tells two decisions of one id apart.
pub(crate) fn digest_of(event: &Outgoing) -> String {
    let envelope = &event.envelope;
    let parts = [envelope.event_type().as_str().as_bytes(), event.key().as_bytes(), &event.datum];
    hex::encode(&canonical::digest(parts)[..16])
}
