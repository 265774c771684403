//! What was folded becomes rows; calls for which there is room are claimed on the way.

use brainops_checkpoint::keep_unreadable;
use metrics::counter;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::FOLLOWED;
use super::fold::Folded;
use crate::metrics as names;
use crate::row::{Call, call, with_columns};

/// Writes what was folded. The first `room` calls that are new are claimed by the executor; they are answered.
pub(super) async fn write(
    connection: &mut PgConnection,
    folded: &Folded,
    (executor, room): (&str, usize),
) -> Result<Vec<Call>, sqlx::Error> {
    let claimed = write_asked(connection, folded, (executor, room)).await?;
    write_started(connection, folded).await?;
    write_ends(connection, folded).await?;
    counter!(names::UNREADABLE_TOTAL).increment(folded.unreadable.len() as u64);
    keep_unreadable(connection, ("brainops.tool_unreadable", FOLLOWED.what), &folded.unreadable).await?;
    Ok(claimed)
}

async fn write_asked(
    connection: &mut PgConnection,
    folded: &Folded,
    (executor, room): (&str, usize),
) -> Result<Vec<Call>, sqlx::Error> {
    let asked = &folded.asked;
    let Some(first) = asked.first() else { return Ok(Vec::new()) };
    let mut room = room;
    let is_claimed: Vec<bool> = asked
        .iter()
        .map(|one| {
            let takes = room > 0 && !folded.is_under_way(&one.name);
            room -= usize::from(takes);
            takes
        })
        .collect();
    let rows = sqlx::query(AssertSqlSafe(with_columns(include_str!("../sql/fold_calls.sql"))))
        .bind(asked.iter().map(|one| one.name.source.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.name.id.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.correlation_id.as_deref()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.cause_path.as_deref()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.caller.kind.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.caller.name.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.tool.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.arguments.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.recorded_at).collect::<Vec<_>>())
        .bind(first.position.topic.as_str())
        .bind(asked.iter().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .bind(is_claimed)
        .bind(executor)
        .fetch_all(connection)
        .await?;
    let new: Vec<Call> = rows.iter().map(call).collect::<Result<_, _>>()?;
    Ok(new.into_iter().filter(|call| call.executor.as_deref() == Some(executor)).collect())
}

async fn write_started(
    connection: &mut PgConnection,
    Folded { started, .. }: &Folded,
) -> Result<(), sqlx::Error> {
    if started.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/fold_started.sql"))
        .bind(started.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(started.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(started.values().map(|(attempt, _)| *attempt).collect::<Vec<_>>())
        .bind(started.values().map(|(_, epoch)| *epoch).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_ends(connection: &mut PgConnection, Folded { ends, .. }: &Folded) -> Result<(), sqlx::Error> {
    if ends.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/fold_ends.sql"))
        .bind(ends.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(ends.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(ends.values().map(|(state, _)| state.as_str()).collect::<Vec<_>>())
        .bind(ends.values().map(|(_, ended_at)| *ended_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
