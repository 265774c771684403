//! What the gate says about a call: events of its subject, with ids that follow from its name and the attempt.

use std::time::Duration;

use brainops_event::types::tool::{
    CallAuthorized, CallCompleted, CallDenied, CallFailed, CallRequested, CallStarted, CallUnknown,
};
use brainops_event::{
    AttributeError, CausePath, EncodeError, Envelope, EventId, EventType, Outgoing, Source, Subject,
    Timestamp, TypedEvent, derived_id, error_chain,
};
use brainops_log::{AppendError, Appender, Outcome};
use chrono::Utc;
use thiserror::Error;

use crate::name::{CallName, PEOPLE};
use crate::row::Call;

/// The source of what the gate says.
pub(crate) const SOURCE: &str = "brainops/tool";

/// How long after an unknown outcome the same record is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// How much is told of what went wrong, in characters: names of fields are the caller's, and what says them twice must find room in
/// a record.
const MAX_DETAIL: usize = 4_000;

/// How much is told of the name of a tool, in characters: there may be none that is called so.
const MAX_NAME: usize = 200;

/// The gate cannot say something about a call.
#[derive(Debug, Error)]
pub enum SayError {
    /// What was asked for has a subject or an id that events cannot have.
    #[error("what was asked for cannot be named")]
    Attribute(#[from] AttributeError),
    /// It cannot be encoded.
    #[error("it cannot be encoded")]
    Encode(#[from] EncodeError),
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) code: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) accepted: Option<String>,
    pub(crate) policies: Vec<String>,
    pub(crate) arguments_digest: Option<String>,
    pub(crate) policy_digest: Option<String>,
}

/// What allows a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) policies: Vec<String>,
    pub(crate) arguments_digest: String,
    pub(crate) policy_digest: String,
}

/// Where a result is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) text: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) bytes: usize,
}

/// What an act took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    pub(crate) duration_ms: i64,
    /// None where nobody has said what the tool costs.
    pub(crate) cost_micros: Option<i64>,
}

pub(crate) fn authorized(call: &Call, permit: Permit) -> Result<Outgoing, SayError> {
    let (call_source, call_id, call_subject, tool) = named(call);
    let Permit { policies, arguments_digest, policy_digest } = permit;
    let principal = call.caller.to_string();
    let data = CallAuthorized {
        call_source,
        call_id,
        call_subject,
        tool,
        principal,
        arguments_digest,
        policy_digest,
        policies,
    };
    event(call, &data)
}

pub(crate) fn denied(call: &Call, denial: Denial) -> Result<Outgoing, SayError> {
    let (call_source, call_id, call_subject, tool) = named(call);
    let Denial { code, field, accepted, policies, arguments_digest, policy_digest } = denial;
    let data = CallDenied {
        call_source,
        call_id,
        call_subject,
        tool,
        principal: call.caller.to_string(),
        arguments_digest,
        policy_digest,
        reason_code: code.to_owned(),
        field: field.as_deref().map(clipped),
        accepted: accepted.as_deref().map(clipped),
        policies,
    };
    event(call, &data)
}

pub(crate) fn started(call: &Call, executor: &str) -> Result<Outgoing, SayError> {
    let (call_source, call_id, call_subject, tool) = named(call);
    let (attempt, epoch, executor) = (call.attempt, call.epoch, executor.to_owned());
    event(call, &CallStarted { call_source, call_id, call_subject, tool, attempt, epoch, executor })
}

pub(crate) fn completed(call: &Call, kept: Kept, spent: Spent) -> Result<Outgoing, SayError> {
    let (call_source, call_id, call_subject, tool) = named(call);
    let Kept { text: result, object: result_object, bytes } = kept;
    let result_bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let attempt = call.attempt;
    let data = CallCompleted {
        call_source,
        call_id,
        call_subject,
        tool,
        attempt,
        result,
        result_object,
        result_bytes,
        duration_ms: spent.duration_ms,
        cost_micros: spent.cost_micros,
    };
    event(call, &data)
}

pub(crate) fn failed(
    call: &Call,
    error: &crate::tool::ToolError,
    spent: Spent,
) -> Result<Outgoing, SayError> {
    let (call_source, call_id, call_subject, tool) = named(call);
    let data = CallFailed {
        call_source,
        call_id,
        call_subject,
        tool,
        attempt: call.attempt,
        reason_code: error.code.to_owned(),
        detail: error.detail.as_deref().map(clipped),
        is_without_effect: error.is_without_effect,
        duration_ms: spent.duration_ms,
        cost_micros: spent.cost_micros,
    };
    event(call, &data)
}

pub(crate) fn unknown(call: &Call, attempt: i32, code: &str) -> Result<Outgoing, SayError> {
    let (call_source, call_id, call_subject, tool) = named(call);
    let reason_code = code.to_owned();
    event(call, &CallUnknown { call_source, call_id, call_subject, tool, attempt, reason_code })
}

fn named(call: &Call) -> (String, String, String, String) {
    let tool = call.tool.chars().take(MAX_NAME).collect();
    (call.name.source.clone(), call.name.id.clone(), call.subject.clone(), tool)
}

fn clipped(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}

/// Ids follow from the call, what is said, and the claim under which it is said: the same record again is a repeat.
fn event<T: TypedEvent>(call: &Call, data: &T) -> Result<Outgoing, SayError> {
    let source = Source::new(SOURCE)?;
    let parts = [&call.name.source, &call.name.id, T::EVENT_TYPE, &call.epoch.to_string()];
    let id = derived_id(&source, &parts);
    let subject = Subject::new(call.subject.as_str())?;
    let causes = (call.name.id.as_str(), call.correlation_id.as_deref(), call.cause_path.as_deref());
    effect((id, source, subject), causes, data)
}

/// An event that the event of an id has caused, in its flow and in the chain of its causes.
pub(crate) fn effect<T: TypedEvent>(
    (id, source, subject): (EventId, Source, Subject),
    (cause, correlation_id, cause_path): (&str, Option<&str>, Option<&str>),
    data: &T,
) -> Result<Outgoing, SayError> {
    let envelope = Envelope::new(id, source, EventType::new(T::EVENT_TYPE)?, subject).with_time(Utc::now());
    let mut envelope = envelope.with_causation_id(cause)?;
    if let Some(correlation_id) = correlation_id {
        envelope = envelope.with_correlation_id(correlation_id)?;
    }
    if let Some(path) = cause_path {
        envelope = envelope.with_extension(CausePath::EXTENSION, path)?;
    }
    Ok(Outgoing::typed(envelope, data)?)
}

/// Appends records in order; answers once all are acknowledged. After an unknown outcome the same are said again: whoever reads
/// counts them once.
///
/// # Errors
/// The log refuses one, which is known not to be there.
pub(crate) async fn append(appender: &Appender, events: Vec<Outgoing>) -> Result<(), AppendError> {
    loop {
        let answers = appender.append_all(events.clone()).await;
        let Some(error) = answers.into_iter().find_map(Result::err) else { return Ok(()) };
        if error.outcome() == Outcome::NeverThere {
            return Err(error);
        }
        tracing::warn!(reason = %error_chain(&error), "what the gate says was not acknowledged; saying it again");
        tokio::time::sleep(AGAIN).await;
    }
}

/// A call that a person asks for by the command: the event, and its name. `id` is a fresh one.
///
/// # Errors
/// Who asks is no opaque id, or it cannot be encoded.
pub fn asked_by_person(
    person: &str,
    (tool, arguments, reason): (&str, String, Option<String>),
    (id, now): (EventId, Timestamp),
) -> Result<(CallName, Outgoing), SayError> {
    let name = CallName { source: PEOPLE.to_owned(), id: id.to_string() };
    let subject = Subject::new(format!("person/{}", name.id))?;
    let envelope =
        Envelope::new(id, Source::new(PEOPLE)?, EventType::new(CallRequested::EVENT_TYPE)?, subject)
            .with_time(now)
            .with_correlation_id(&name.id)?
            .with_auth_id(person)?;
    let event = Outgoing::typed(envelope, &CallRequested { tool: tool.to_owned(), arguments, reason })?;
    Ok((name, event))
}
