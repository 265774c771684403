//! A task as people and programs are shown it, from whatever door.

use brainops_event::format_timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::row::Task;

/// A task as it is shown. Moments are RFC 3339 with milliseconds.
#[derive(Debug, Serialize)]
pub struct ShownTask {
    /// Source of the event that said it.
    pub source: String,
    /// Id of that event.
    pub id: String,
    /// Its queue.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// The flow that it belongs to.
    pub correlation_id: Option<String>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: &'static str,
    /// What is to be done, as JSON as it was said, while it is open.
    pub payload: Option<Box<RawValue>>,
    /// When the log recorded it.
    pub recorded_at: String,
    /// Where it stands in the log.
    pub position: String,
    /// Where it stands in its life.
    pub state: &'static str,
    /// How often it was said to have failed.
    pub failures: i32,
    /// How many leases of it ran out.
    pub lapses: i32,
    /// Number of its last claim.
    pub epoch: i64,
    /// Who has it.
    pub worker: Option<String>,
    /// When it may be handed out: for a claimed one the end of its lease.
    pub ready_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

impl ShownTask {
    /// As the row has it.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        Self {
            source: task.name.source.clone(),
            id: task.name.id.clone(),
            kind: task.kind.clone(),
            subject: task.subject.clone(),
            correlation_id: task.correlation_id.clone(),
            priority: task.priority.as_str(),
            payload: task.payload.clone().and_then(|text| RawValue::from_string(text).ok()),
            recorded_at: format_timestamp(&task.recorded_at),
            position: task.position.to_string(),
            state: task.state.as_str(),
            failures: task.failures,
            lapses: task.lapses,
            epoch: task.epoch,
            worker: task.worker.clone(),
            ready_at: format_timestamp(&task.ready_at),
            ended_at: task.ended_at.as_ref().map(format_timestamp),
        }
    }
}
