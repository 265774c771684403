//! What one generation has parked and another has not.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use super::error::NewlyParked;
use crate::generation::Generation;
use crate::parked::position;

/// What a generation has parked, and the one that serves has not: consent to a swap is consent to this.
///
/// # Errors
/// When the database does not answer.
pub async fn newly_parked(
    pool: &PgPool,
    generation: &Generation,
    serving: &Generation,
) -> Result<Vec<NewlyParked>, sqlx::Error> {
    parked_by(&mut *pool.acquire().await?, generation, serving).await
}

pub(super) async fn parked_by(
    connection: &mut PgConnection,
    generation: &Generation,
    serving: &Generation,
) -> Result<Vec<NewlyParked>, sqlx::Error> {
    let sql =
        generation.fill(include_str!("../sql/newly_parked.sql")).replace("{serving}", &serving.schema());
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(NewlyParked {
                subject: row.try_get("subject")?,
                first: position(row, ["topic", "partition", "record_offset"])?,
                reason_class: row.try_get("reason_code")?,
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}
