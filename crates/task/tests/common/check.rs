//! What must hold of tasks, whatever happened: looked at in the log and in Postgres.

use std::collections::BTreeMap;

use brainops_testkit::Stood;

use super::scene::Scene;

/// Whether each of so many tasks was completed once, by one event of its own, and the rows say the same.
pub async fn check(scene: &Scene, tasks: usize) -> Result<(), String> {
    let stood = scene.stands().await;
    let mut ends: BTreeMap<&str, Vec<&Stood>> = BTreeMap::new();
    for task in stood.iter().filter(|one| one.event_type.starts_with("agent.task.")) {
        ends.entry(&task.id).or_default();
    }
    for end in stood.iter().filter(|one| one.event_type == "agent.work.completed") {
        let of = end.data["task_id"].as_str().unwrap_or_default();
        ends.get_mut(of).ok_or(format!("{of} ended and is no task"))?.push(end);
    }
    if ends.len() != tasks {
        return Err(format!("{} tasks stand, said were {tasks}", ends.len()));
    }
    let wrong = |(task, ends): (&&str, &Vec<&Stood>)| {
        (ends.len() != 1).then(|| format!("{task} was completed {} times: {ends:?}", ends.len()))
    };
    if let Some(wrong) = ends.iter().find_map(wrong) {
        return Err(wrong);
    }
    let sql = "SELECT count(*) FROM brainops.task WHERE state = 'completed' AND payload IS NULL AND ended_at IS NOT NULL";
    let rows = scene.count(sql).await;
    if rows.unsigned_abs() as usize == tasks {
        Ok(())
    } else {
        Err(format!("{rows} rows are completed, of {tasks}"))
    }
}
