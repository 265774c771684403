//! What was folded becomes rows.

use brainops_checkpoint::keep_unreadable;
use metrics::counter;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::FOLLOWED;
use super::fold::Folded;
use crate::metrics as names;
use crate::row::State;

pub(super) async fn write(connection: &mut PgConnection, folded: &Folded) -> Result<(), sqlx::Error> {
    write_tasks(connection, folded).await?;
    write_failures(connection, folded).await?;
    write_ends(connection, folded).await?;
    counter!(names::UNREADABLE_TOTAL).increment(folded.unreadable.len() as u64);
    keep_unreadable(connection, ("brainops.task_unreadable", FOLLOWED.what), &folded.unreadable).await
}

async fn write_tasks(
    connection: &mut PgConnection,
    Folded { tasks, .. }: &Folded,
) -> Result<(), sqlx::Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/fold_tasks.sql"))
        .bind(tasks.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(tasks.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.kind.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.subject.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.correlation_id.as_deref()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.priority.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.payload.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.recorded_at).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.position.topic.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.turn_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_failures(
    connection: &mut PgConnection,
    Folded { failures, .. }: &Folded,
) -> Result<(), sqlx::Error> {
    if failures.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/fold_failures.sql"))
        .bind(failures.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(failures.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(failures.values().map(|(failure, _)| *failure).collect::<Vec<_>>())
        .bind(failures.values().map(|(_, retry_at)| *retry_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_ends(connection: &mut PgConnection, Folded { ends, .. }: &Folded) -> Result<(), sqlx::Error> {
    if ends.is_empty() {
        return Ok(());
    }
    let states = format!("ARRAY['{}']", State::ALL.map(State::as_str).join("', '"));
    sqlx::query(AssertSqlSafe(include_str!("../sql/fold_ends.sql").replace("{states}", &states)))
        .bind(ends.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(ends.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.state.as_str()).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.recorded_at).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
