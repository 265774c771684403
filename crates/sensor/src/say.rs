//! What sensors tell. Ids follow from what is told: the same is the same event, whoever tells it.

use brainops_deploy::{Cause, Deployed, DeploymentState, ServiceKey};
use brainops_event::types::deployment::{
    DeploymentFailed, DeploymentRolledBack, DeploymentStarted, DeploymentSucceeded,
};
use brainops_event::types::monitor::SampleRecorded;
use brainops_event::{
    AttributeError, EncodeError, Envelope, EventId, EventType, Outgoing, Source, Subject, Timestamp,
    TypedEvent, derived_id,
};
use thiserror::Error;

use crate::config::Rule;
use crate::span::Span;

/// The source of what sensors tell.
const SOURCE: &str = "brainops/sensor";

/// What was seen cannot be told.
#[derive(Debug, Error)]
pub(crate) enum SayError {
    /// Its names are none that events can have.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// It cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// How requests were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) requests: i64,
    pub(crate) errors: i64,
}

/// `monitor.sample.recorded`. What a deployment has answered is told as its effect.
pub(crate) fn sample(
    sensor: &'static str,
    key: &ServiceKey,
    (deployment, cause): (Option<&str>, Option<&Cause>),
    (span, seen): (Span, Seen),
    rule: Rule,
) -> Result<Outgoing, SayError> {
    let source = Source::new(SOURCE)?;
    let from = span.from.timestamp_millis().to_string();
    let through = span.through.timestamp_millis().to_string();
    let whose = deployment.unwrap_or_default();
    let id = derived_id(&source, &[sensor, &key.service, &key.environment, whose, &from, &through]);
    let mut envelope = envelope::<SampleRecorded>(id, key, span.through)?;
    if let (Some(deployment), Some(cause)) = (deployment, cause) {
        envelope = envelope.with_causation_id(
            fact_id(&source, key, deployment, DeploymentSucceeded::EVENT_TYPE).into_string(),
        )?;
        envelope = caused(envelope, cause)?;
    }
    let data = SampleRecorded {
        sensor: sensor.to_owned(),
        service: key.service.clone(),
        environment: key.environment.clone(),
        deployment_id: deployment.map(str::to_owned),
        from: span.from,
        through: span.through,
        requests: seen.requests,
        errors: seen.errors,
        max_error_percent: rule.max_error_percent,
        window_seconds: rule.window_seconds,
        minimum_requests: rule.minimum_requests,
    };
    Ok(Outgoing::typed(envelope, &data)?)
}

/// What all facts about a deployment say, and what one of them says besides.
macro_rules! fact {
    ($about:ident, $record:ident { $($field:ident: $value:expr),+ $(,)? }) => {
        $record {
            service: $about.key.service.clone(),
            environment: $about.key.environment.clone(),
            deployment_id: $about.deployed.deployment_id.clone(),
            repository: None,
            sha: $about.deployed.sha.clone(),
            $($field: $value),+
        }
    };
}

/// What there is to tell of a deployment, in order.
pub(crate) fn facts(key: &ServiceKey, deployed: &Deployed) -> Result<Vec<Outgoing>, SayError> {
    let about = About { key, deployed, source: Source::new(SOURCE)? };
    let git_ref = || deployed.git_ref.clone();
    let started = fact!(about, DeploymentStarted { git_ref: git_ref(), url: None });
    let mut facts = vec![about.says(deployed.started_at, &started)?];
    if let Some(healthy_at) = deployed.healthy_at {
        let succeeded = fact!(about, DeploymentSucceeded { git_ref: git_ref(), url: None });
        facts.push(about.says(healthy_at, &succeeded)?);
    }
    if deployed.state == DeploymentState::Failed {
        let reason_code = deployed.reason.clone();
        let failed =
            fact!(about, DeploymentFailed { git_ref: git_ref(), url: None, reason_code: reason_code });
        facts.push(about.says(deployed.since, &failed)?);
    }
    if let Some(rolled_back) = &deployed.rolled_back {
        let restored_sha = Some(rolled_back.restored_sha.clone());
        let undone = fact!(about, DeploymentRolledBack { restored_sha: restored_sha, reason_code: None });
        facts.push(about.says(rolled_back.at, &undone)?);
    }
    Ok(facts)
}

/// A deployment that something is told about.
struct About<'a> {
    key: &'a ServiceKey,
    deployed: &'a Deployed,
    source: Source,
}

impl About<'_> {
    /// A fact: the first follows from what asked for the deployment, the others from the first.
    fn says<T: TypedEvent>(&self, at: Timestamp, data: &T) -> Result<Outgoing, SayError> {
        let Deployed { deployment_id, cause, .. } = self.deployed;
        let id = fact_id(&self.source, self.key, deployment_id, T::EVENT_TYPE);
        let mut envelope = envelope::<T>(id, self.key, at)?;
        let first = fact_id(&self.source, self.key, deployment_id, DeploymentStarted::EVENT_TYPE);
        let causation = if T::EVENT_TYPE == DeploymentStarted::EVENT_TYPE {
            cause.as_ref().map(|cause| cause.causation_id.clone())
        } else {
            Some(first.into_string())
        };
        if let Some(causation) = causation {
            envelope = envelope.with_causation_id(causation)?;
        }
        if let Some(cause) = cause {
            envelope = caused(envelope, cause)?;
        }
        Ok(Outgoing::typed(envelope, data)?)
    }
}

fn caused(envelope: Envelope, cause: &Cause) -> Result<Envelope, AttributeError> {
    match &cause.correlation_id {
        Some(correlation_id) => envelope.with_correlation_id(correlation_id),
        None => envelope.with_correlation_id(&cause.causation_id),
    }
}

fn envelope<T: TypedEvent>(id: EventId, key: &ServiceKey, at: Timestamp) -> Result<Envelope, AttributeError> {
    let subject = Subject::new(key.to_string())?;
    Ok(Envelope::new(id, Source::new(SOURCE)?, EventType::new(T::EVENT_TYPE)?, subject).with_time(at))
}

/// The id of a fact about a deployment. It must never change.
fn fact_id(source: &Source, key: &ServiceKey, deployment: &str, event_type: &str) -> EventId {
    derived_id(source, &["deployment", &key.service, &key.environment, deployment, event_type])
}
