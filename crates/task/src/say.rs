//! What is said about a task: events of its subject, with ids that follow from its name, so that each is said once.

use brainops_event::types::agent::{TaskAbandoned, TaskCancelled, TaskCompleted, TaskFailed};
use brainops_event::{Envelope, EventType, Outgoing, Source, Subject, Timestamp, TypedEvent, derived_id};
use serde::de::IgnoredAny;

use crate::error::{FieldError, SayError, TaskError};
use crate::row::Task;

/// The source of what is said about tasks.
const SOURCE: &str = "brainops/task";
/// The longest result, in bytes: it has to fit in a record.
const RESULT_LIMIT: usize = 256 * 1024;

/// How a task came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    word: String,
    result: Option<String>,
}

impl Outcome {
    /// Takes a word of 1 to 100 characters, and what came of it as JSON text of 256 KiB at most, without personal plain text.
    ///
    /// # Errors
    /// They are something else.
    pub fn new(word: impl Into<String>, result: Option<String>) -> Result<Self, FieldError> {
        let word = word.into();
        within("outcome", &word, 100, "1 to 100 characters")?;
        if let Some(text) = &result {
            let is_json = text.len() <= RESULT_LIMIT && serde_json::from_str::<IgnoredAny>(text).is_ok();
            if !is_json {
                return Err(FieldError { field: "result", expected: "JSON of 256 KiB at most" });
            }
        }
        Ok(Self { word, result })
    }
}

/// Who decides about a task, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    by: String,
    reason: String,
}

impl Decider {
    /// Takes an opaque id of 1 to 200 characters, and a reason of 1 to 1000, without personal data.
    ///
    /// # Errors
    /// They are something else.
    pub fn new(by: impl Into<String>, reason: impl Into<String>) -> Result<Self, FieldError> {
        let (by, reason) = (by.into(), reason.into());
        within("by", &by, 200, "1 to 200 characters")?;
        within("reason", &reason, 1_000, "1 to 1000 characters")?;
        Ok(Self { by, reason })
    }
}

/// Refuses a reason that is none.
pub(crate) fn reason(text: &str) -> Result<&str, FieldError> {
    within("reason", text, 1_000, "1 to 1000 characters").map(|()| text)
}

fn within(field: &'static str, text: &str, limit: usize, expected: &'static str) -> Result<(), FieldError> {
    if (1..=limit).contains(&text.chars().count()) { Ok(()) } else { Err(FieldError { field, expected }) }
}

pub(crate) fn completed(task: &Task, outcome: &Outcome, now: Timestamp) -> Result<Outgoing, TaskError> {
    let (task_source, task_id, task_subject) = named(task);
    let worker = task.worker.clone().unwrap_or_default();
    let Outcome { word, result } = outcome.clone();
    let kind = task.kind.clone();
    let data = TaskCompleted { task_source, task_id, task_subject, kind, worker, outcome: word, result };
    event(task, &["completed"], task.worker.as_deref(), now, &data)
}

pub(crate) fn failed(
    task: &Task,
    reason: &str,
    (failure, retry_at): (i32, Timestamp),
    now: Timestamp,
) -> Result<Outgoing, TaskError> {
    let (task_source, task_id, task_subject) = named(task);
    let worker = task.worker.clone().unwrap_or_default();
    let (kind, reason) = (task.kind.clone(), reason.to_owned());
    let data = TaskFailed { task_source, task_id, task_subject, kind, worker, failure, reason, retry_at };
    event(task, &["failed", &failure.to_string()], task.worker.as_deref(), now, &data)
}

pub(crate) fn abandoned(
    task: &Task,
    reason: &str,
    attempts: i32,
    now: Timestamp,
) -> Result<Outgoing, TaskError> {
    let (task_source, task_id, task_subject) = named(task);
    let (kind, reason) = (task.kind.clone(), reason.to_owned());
    let data = TaskAbandoned { task_source, task_id, task_subject, kind, attempts, reason };
    event(task, &["abandoned"], None, now, &data)
}

pub(crate) fn cancelled(task: &Task, decider: &Decider, now: Timestamp) -> Result<Outgoing, TaskError> {
    let (task_source, task_id, task_subject) = named(task);
    let Decider { by, reason } = decider.clone();
    let data = TaskCancelled { task_source, task_id, task_subject, decided_by: by, reason };
    event(task, &["cancelled"], Some(&decider.by), now, &data)
}

fn named(task: &Task) -> (String, String, String) {
    (task.name.source.clone(), task.name.id.clone(), task.subject.clone())
}

fn event<T: TypedEvent>(
    task: &Task,
    what: &[&str],
    by: Option<&str>,
    now: Timestamp,
    data: &T,
) -> Result<Outgoing, TaskError> {
    written(task, what, by, now, data).map_err(|source| TaskError::Say { task: task.name.clone(), source })
}

fn written<T: TypedEvent>(
    task: &Task,
    what: &[&str],
    by: Option<&str>,
    now: Timestamp,
    data: &T,
) -> Result<Outgoing, SayError> {
    let source = Source::new(SOURCE)?;
    let mut parts = vec![task.name.source.as_str(), task.name.id.as_str()];
    parts.extend(what);
    let id = derived_id(&source, &parts);
    let subject = Subject::new(task.subject.as_str())?;
    let mut envelope = Envelope::new(id, source, EventType::new(T::EVENT_TYPE)?, subject)
        .with_time(now)
        .with_causation_id(&task.name.id)?;
    if let Some(correlation_id) = &task.correlation_id {
        envelope = envelope.with_correlation_id(correlation_id)?;
    }
    if let Some(by) = by {
        envelope = envelope.with_auth_id(by)?;
    }
    Ok(Outgoing::typed(envelope, data)?)
}
