//! Pauses: a generation that parks too much stands until a person lets it go on.
//!
//! A pause is a fact of the platform's own tables, so that it outlives every process. It has a number, which a
//! person's `projection.resumed` repeats: a decision about an earlier pause does not end a later one.

use brainops_event::{Offset, Timestamp};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::checkpoint::Place;
use crate::generation::{Generation, ModelName};

/// A pause that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The read model.
    pub read_model: ModelName,
    /// The generation.
    pub generation: i32,
    /// Its number: the first of a generation is 1.
    pub number: i32,
    /// Since when, by the clock of Postgres.
    pub paused_at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

const PAUSED: &str = "SELECT read_model, generation, pauses, paused_at, paused_reason FROM brainops.generation \
     WHERE paused_at IS NOT NULL AND state = 'serving' AND ($1::text IS NULL OR read_model = $1) ORDER BY read_model";

/// The pauses that hold, of all served generations or of one read model's.
///
/// # Errors
/// When the database does not answer, or was never migrated.
pub async fn paused(pool: &PgPool, read_model: Option<&str>) -> Result<Vec<Pause>, sqlx::Error> {
    let rows = sqlx::query(PAUSED).bind(read_model).fetch_all(pool).await?;
    rows.iter().map(pause_of).collect()
}

fn pause_of(row: &PgRow) -> Result<Pause, sqlx::Error> {
    let name: String = row.try_get("read_model")?;
    let read_model = ModelName::new(&name).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Pause {
        read_model,
        generation: row.try_get("generation")?,
        number: row.try_get("pauses")?,
        paused_at: row.try_get("paused_at")?,
        reason: row.try_get::<Option<String>, _>("paused_reason")?.unwrap_or_default(),
    })
}

/// The pause of one generation, if it is paused.
pub(crate) async fn pause_that_holds(
    pool: &PgPool,
    generation: &Generation,
) -> Result<Option<Pause>, sqlx::Error> {
    let query = "SELECT read_model, generation, pauses, paused_at, paused_reason FROM brainops.generation \
                  WHERE read_model = $1 AND generation = $2 AND paused_at IS NOT NULL";
    let row = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    row.fetch_optional(pool).await?.as_ref().map(pause_of).transpose()
}

/// Pauses a generation, on behalf of the owner of this partition: one that was taken over pauses nothing.
pub(crate) async fn pause(
    pool: &PgPool,
    generation: &Generation,
    place: &Place,
    (epoch, next): (i64, Offset),
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let sql = generation.fill(include_str!("sql/pause.sql"));
    let query = sqlx::query(AssertSqlSafe(sql)).bind(generation.read_model.as_str()).bind(generation.number);
    let query = query.bind(place.0.as_str()).bind(place.1.get()).bind(epoch).bind(next.get()).bind(reason);
    Ok(query.execute(pool).await?.rows_affected() == 1)
}

/// Ends the pause of this number; false when it does not hold.
pub(crate) async fn resume(
    connection: &mut PgConnection,
    generation: &Generation,
    number: i32,
) -> Result<bool, sqlx::Error> {
    let query = "UPDATE brainops.generation SET paused_at = NULL, paused_reason = NULL, resumed_at = now() \
                  WHERE read_model = $1 AND generation = $2 AND pauses = $3 AND paused_at IS NOT NULL";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number).bind(number);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}
