//! A task as it is shown.
use brainops_event::Timestamp;
use brainops_task::Task;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::query::show;

/// A task. Its payload is JSON as it was said, while it is open.
#[derive(Debug, Serialize)]
pub struct ShownTask {
    source: String,
    id: String,
    kind: String,
    subject: String,
    correlation_id: Option<String>,
    priority: &'static str,
    payload: Option<Box<RawValue>>,
    #[serde(serialize_with = "show::moment")]
    recorded_at: Timestamp,
    position: String,
    state: &'static str,
    failures: i32,
    lapses: i32,
    epoch: i64,
    worker: Option<String>,
    #[serde(serialize_with = "show::moment")]
    ready_at: Timestamp,
    #[serde(serialize_with = "show::optional_moment")]
    ended_at: Option<Timestamp>,
}

impl ShownTask {
    pub fn of(task: &Task) -> Self {
        Self {
            source: task.name.source.clone(),
            id: task.name.id.clone(),
            kind: task.kind.clone(),
            subject: task.subject.clone(),
            correlation_id: task.correlation_id.clone(),
            priority: task.priority.as_str(),
            payload: task.payload.clone().and_then(|text| RawValue::from_string(text).ok()),
            recorded_at: task.recorded_at,
            position: task.position.to_string(),
            state: task.state.as_str(),
            failures: task.failures,
            lapses: task.lapses,
            epoch: task.epoch,
            worker: task.worker.clone(),
            ready_at: task.ready_at,
            ended_at: task.ended_at,
        }
    }
}
