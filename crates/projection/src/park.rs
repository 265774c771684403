//! Sets misplaced records aside, each alone, in the transaction that moves past them.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::batch::Parked;
use crate::generation::Generation;

/// The reason code of a record whose key or partition is not its subject's.
const MISPLACED: &str = "misplaced";

/// Writes the parked records, in one statement.
pub(crate) async fn park(
    connection: &mut PgConnection,
    generation: &Generation,
    parked: &[Parked],
) -> Result<(), sqlx::Error> {
    if parked.is_empty() {
        return Ok(());
    }
    sqlx::query(AssertSqlSafe(generation.fill(include_str!("sql/park.sql"))))
        .bind(parked.iter().map(|one| one.place.0.as_str()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.place.1.get()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.offset.get()).collect::<Vec<_>>())
        .bind(parked.iter().map(|_| MISPLACED).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.event.as_ref().map(|event| event.0.as_str())).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.event.as_ref().map(|event| event.1.as_str())).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.recorded_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
