//! How all read models are: for `projection list` and whoever else wants to know.

use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::definition::OWN_TABLES;
use crate::generation::{Generation, ModelName};

/// How one generation of a read model is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The read model.
    pub read_model: String,
    /// The generation that is served.
    pub generation: i32,
    /// The version of the fold that fills it.
    pub fold_version: i32,
    /// Its tables and how many rows each has, counted.
    pub tables: Vec<TableRows>,
    /// How many partitions it follows.
    pub partitions: i64,
    /// Offsets behind the ends of the logs, summed; `None` when not known of some partition.
    pub lag_offsets: Option<i64>,
    /// The largest lag of a partition in seconds; `None` when not known of some partition.
    pub lag_seconds: Option<f64>,
    /// How many subjects are parked, and records that are held alone.
    pub parked: i64,
    /// Whether it is followed.
    pub state: RunState,
    /// Why it is stopped, if it is: class, position and words of each partition that stands by a fault.
    pub reasons: Vec<String>,
}

/// How many rows a table has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: i64,
}

/// Whether a read model is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// All its partitions are.
    Running,
    /// Some of its partitions stand; `reasons` says why.
    Stopped,
    /// Nobody follows it now: never begun, shut down, or no heartbeat for ten seconds.
    #[default]
    NotFollowed,
}

/// All installed read models, by name. Counts rows, so its cost grows with the tables.
///
/// # Errors
/// When the database does not answer, or was never migrated.
pub async fn list(pool: &PgPool) -> Result<Vec<Status>, sqlx::Error> {
    let query = "SELECT read_model, generation, fold_version FROM brainops.generation WHERE state = 'serving' ORDER BY read_model";
    let mut all = Vec::new();
    for row in sqlx::query(query).fetch_all(pool).await? {
        let name: String = row.try_get("read_model")?;
        let read_model = ModelName::new(&name).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let (number, fold_version) = (row.try_get("generation")?, row.try_get("fold_version")?);
        all.push(status(pool, &Generation::of_lineage(read_model, number, fold_version)).await?);
    }
    Ok(all)
}

/// How one generation is.
///
/// # Errors
/// When the database does not answer, or the generation is not there.
pub async fn status(pool: &PgPool, generation: &Generation) -> Result<Status, sqlx::Error> {
    let standing = standing(pool, generation).await?;
    Ok(Status {
        read_model: generation.read_model.to_string(),
        generation: generation.number,
        fold_version: generation.fold_version,
        tables: count_rows(pool, generation).await?,
        partitions: standing.partitions,
        lag_offsets: standing.lag_offsets,
        lag_seconds: standing.lag_seconds,
        parked: standing.parked,
        state: standing.state,
        reasons: standing.reasons,
    })
}

/// How one generation is, without its rows.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) partitions: i64,
    pub(crate) lag_offsets: Option<i64>,
    pub(crate) lag_seconds: Option<f64>,
    pub(crate) parked: i64,
    pub(crate) state: RunState,
    pub(crate) reasons: Vec<String>,
}

pub(crate) async fn standing(pool: &PgPool, generation: &Generation) -> Result<Standing, sqlx::Error> {
    let sql = generation.fill(include_str!("sql/status.sql"));
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(pool).await?;
    let (partitions, stopped, beating): (i64, i64, i64) =
        (row.try_get("partitions")?, row.try_get("stopped")?, row.try_get("beating")?);
    let state = match (partitions, stopped, beating) {
        (0, ..) => RunState::NotFollowed,
        (_, stopped, _) if stopped > 0 => RunState::Stopped,
        (all, _, beating) if beating < all => RunState::NotFollowed,
        _ => RunState::Running,
    };
    Ok(Standing {
        partitions,
        lag_offsets: row.try_get("lag_offsets")?,
        lag_seconds: row.try_get("lag_seconds")?,
        parked: row.try_get("parked")?,
        state,
        reasons: row.try_get("reasons")?,
    })
}

async fn count_rows(pool: &PgPool, generation: &Generation) -> Result<Vec<TableRows>, sqlx::Error> {
    let mut counted = Vec::new();
    let tables =
        sqlx::query(include_str!("sql/tables.sql")).bind(generation.schema()).fetch_all(pool).await?;
    for row in tables {
        let table: String = row.try_get("table_name")?;
        if OWN_TABLES.contains(&table.as_str()) {
            continue;
        }
        let sql = format!("SELECT count(*) FROM {}.\"{}\"", generation.schema(), table.replace('"', "\"\""));
        let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await?;
        counted.push(TableRows { table, rows });
    }
    Ok(counted)
}
