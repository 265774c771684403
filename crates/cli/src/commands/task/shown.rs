//! What is shown of a task.

use brainops_event::format_timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::overview::table;

/// A task.
#[derive(Debug, Serialize)]
pub struct Task {
    source: String,
    id: String,
    kind: String,
    subject: String,
    correlation_id: Option<String>,
    priority: &'static str,
    /// What is to be done, while it is open.
    payload: Option<Box<RawValue>>,
    recorded_at: String,
    position: String,
    state: &'static str,
    failures: i32,
    /// How many leases of it ran out.
    lapses: i32,
    /// Number of its last claim.
    epoch: i64,
    worker: Option<String>,
    /// When it may be handed out: for a claimed one the end of its lease.
    ready_at: String,
    ended_at: Option<String>,
}

impl Task {
    pub fn of(task: &brainops_task::Task) -> Self {
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

/// One task, in lines.
pub fn whole(task: &Task) -> String {
    let mut text = format!("{} {}: {}, {}\n", task.source, task.id, task.kind, task.state);
    text.push_str(&format!("about       {}\n", task.subject));
    text.push_str(&format!("recorded    {}  ({})\n", task.recorded_at, task.position));
    text.push_str(&format!("priority    {}\n", task.priority));
    if let Some(correlation_id) = &task.correlation_id {
        text.push_str(&format!("correlates  {correlation_id}\n"));
    }
    if let Some(worker) = &task.worker {
        text.push_str(&format!("worker      {worker}, epoch {}, until {}\n", task.epoch, task.ready_at));
    }
    text.push_str(&format!("tried       {} failures, {} leases ran out\n", task.failures, task.lapses));
    if let Some(ended_at) = &task.ended_at {
        text.push_str(&format!("ended       {ended_at}\n"));
    }
    if let Some(payload) = &task.payload {
        text.push_str(&format!("payload     {}\n", payload.get()));
    }
    text
}

/// Tasks, one a line.
pub fn table_of(tasks: &[Task]) -> String {
    if tasks.is_empty() {
        return "there are none\n".to_owned();
    }
    let header = ["kind", "about", "priority", "state", "recorded at", "failures", "worker", "task"];
    let mut table = table(&header, &[5]);
    for task in tasks {
        table.add_row([
            task.kind.clone(),
            task.subject.clone(),
            task.priority.to_owned(),
            task.state.to_owned(),
            task.recorded_at.clone(),
            task.failures.to_string(),
            task.worker.clone().unwrap_or_default(),
            format!("{} {}", task.source, task.id),
        ]);
    }
    format!("{table}\n")
}
