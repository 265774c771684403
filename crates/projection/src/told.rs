//! Writes what a batch says that people decided, in the transaction that moves past it: each generation for itself.

use brainops_event::Offset;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::checkpoint::Place;
use crate::decision::{About, Told};
use crate::pause::resume;
use crate::sort::Scope;

/// Writes decisions. What is void by itself is refused at once, a pause ends at once; the rest waits for the owner of
/// the partition that it is about.
pub(crate) async fn write_decisions(
    connection: &mut PgConnection,
    scope: &Scope,
    decisions: &[Told],
) -> Result<(), sqlx::Error> {
    for told in decisions {
        let (state, outcome) = match &told.about {
            About::Record((topic, _), _) if scope.folded.contains(topic) => ("pending", None),
            About::Record((topic, _), _) => ("refused", Some(format!("{topic} is not folded here"))),
            About::Nothing => ("refused", Some("it names no position".to_owned())),
            About::Pause(number) => {
                if resume(connection, &scope.generation, *number).await? {
                    ("done", Some(format!("pause {number} has ended")))
                } else {
                    ("refused", Some(format!("pause {number} does not hold")))
                }
            }
        };
        write(connection, scope, told, state, outcome).await?;
    }
    Ok(())
}

pub(crate) async fn write(
    connection: &mut PgConnection,
    scope: &Scope,
    told: &Told,
    state: &str,
    outcome: Option<String>,
) -> Result<(), sqlx::Error> {
    let (record, pause): (Option<(&Place, Offset)>, _) = match &told.about {
        About::Record(place, offset) => (Some((place, *offset)), None),
        About::Pause(number) => (None, Some(*number)),
        About::Nothing => (None, None),
    };
    let decision = &told.decision;
    let sql = scope.generation.fill(include_str!("sql/decide.sql"));
    sqlx::query(AssertSqlSafe(sql))
        .bind(decision.position.topic.as_str())
        .bind(decision.position.partition.get())
        .bind(decision.position.offset.get())
        .bind(decision.kind.as_str())
        .bind(record.map(|((topic, _), _)| topic.as_str()))
        .bind(record.map(|((_, partition), _)| partition.get()))
        .bind(record.map(|(_, offset)| offset.get()))
        .bind(pause)
        .bind(&decision.decided_by)
        .bind(&decision.reason)
        .bind(decision.recorded_at)
        .bind(state)
        .bind(&outcome)
        .execute(connection)
        .await?;
    let (kind, by, position) = (decision.kind.as_str(), &decision.decided_by, &decision.position);
    tracing::info!(projector.name = %scope.generation.read_model, kind, decided_by = by, event.position = %position, state, outcome, "read a decision");
    Ok(())
}
