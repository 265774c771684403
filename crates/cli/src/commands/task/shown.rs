//! What is shown of tasks.

use brainops_task::ShownTask;

use crate::overview::table;

/// One task, in lines.
pub fn whole(task: &ShownTask) -> String {
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
pub fn table_of(tasks: &[ShownTask]) -> String {
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
