//! Waits until a read model has folded the log up to a frontier: reading one's own writes.

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_event::{Frontier, Partition, TopicName};
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use thiserror::Error;
use tokio::time::Instant;

use crate::generation::{Generation, ModelName, ServingError, serving};

/// How often the checkpoints are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Why a frontier was not reached.
#[derive(Debug, Error)]
pub enum WaitError {
    /// It is not known which generation is served.
    #[error("cannot wait")]
    Serving(#[from] ServingError),
    /// The limit has passed; waiting longer may help.
    #[error("{read_model} has not come to {} within {} s", list(missing), limit.as_secs_f64())]
    TimedOut {
        /// The read model.
        read_model: ModelName,
        /// Where it should be and is not: place, wanted and found offset.
        missing: Vec<Missing>,
        /// How long was waited.
        limit: Duration,
    },
    /// A partition stands before the frontier; waiting does not help.
    #[error("{read_model} stands before the frontier: {reason}")]
    Stopped {
        /// The read model.
        read_model: ModelName,
        /// What its progress row says.
        reason: String,
    },
    /// The frontier is of another topic than the one that is folded, though of the same name.
    #[error("{read_model} folds topic {topic} with id {folded}, the frontier is of id {asked}")]
    OtherTopic {
        /// The read model.
        read_model: ModelName,
        /// The topic.
        topic: TopicName,
        /// The id in the checkpoint.
        folded: String,
        /// The id in the frontier.
        asked: String,
    },
    /// The database does not answer.
    #[error("cannot read the checkpoints of {read_model}")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// Why.
        source: sqlx::Error,
    },
}

/// A partition that is not where it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The next offset that was asked for.
    pub wanted: i64,
    /// The next offset that is there, `None` when nobody has begun.
    pub found: Option<i64>,
}

fn list(missing: &[Missing]) -> String {
    let one = |missing: &Missing| {
        let found = missing.found.map_or("nothing".to_owned(), |found| found.to_string());
        format!("{}/{}@{} (is at {found})", missing.topic, missing.partition, missing.wanted)
    };
    missing.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Waits until the served generation of a read model is at or past the frontier, in all its partitions. Partitions of
/// topics that the read model does not fold must not be in it.
///
/// # Errors
/// [`WaitError`], naming what is missing.
pub async fn wait_until(
    pool: &PgPool,
    read_model: &str,
    frontier: &Frontier,
    limit: Duration,
) -> Result<(), WaitError> {
    let generation = serving(pool, read_model).await?;
    let deadline = Instant::now() + limit;
    loop {
        let missing = missing(pool, &generation, frontier).await?;
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(WaitError::TimedOut { read_model: generation.read_model, missing, limit });
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn missing(
    pool: &PgPool,
    generation: &Generation,
    frontier: &Frontier,
) -> Result<Vec<Missing>, WaitError> {
    let read_model = generation.read_model.clone();
    let sql = generation.fill(include_str!("sql/reached.sql"));
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await;
    let reached = rows.and_then(|rows| rows.iter().map(reached).collect::<Result<BTreeMap<_, _>, _>>());
    let reached = reached.map_err(|source| WaitError::Database { read_model: read_model.clone(), source })?;
    let mut missing = Vec::new();
    for (topic, partition, wanted) in frontier.iter() {
        let at = reached.get(&(topic.to_string(), partition.get()));
        if let (Some(at), Some(asked)) = (at, frontier.topic_id(topic))
            && at.topic_id != asked.as_str()
        {
            let (topic, folded, asked) = (topic.clone(), at.topic_id.clone(), asked.to_string());
            return Err(WaitError::OtherTopic { read_model, topic, folded, asked });
        }
        let found = at.map(|at| at.next);
        if found.unwrap_or(0) >= wanted.get() {
            continue;
        }
        if let Some(reason) = at.and_then(|at| at.standing.clone()) {
            return Err(WaitError::Stopped { read_model, reason });
        }
        missing.push(Missing { topic: topic.clone(), partition, wanted: wanted.get(), found });
    }
    Ok(missing)
}

/// How far a partition is, and why it goes no further if it does not.
struct Reached {
    topic_id: String,
    next: i64,
    standing: Option<String>,
}

fn reached(row: &sqlx::postgres::PgRow) -> Result<((String, i32), Reached), sqlx::Error> {
    let place = (row.try_get("topic")?, row.try_get("partition")?);
    let reached = Reached {
        topic_id: row.try_get("topic_id")?,
        next: row.try_get("next_offset")?,
        standing: row.try_get("standing")?,
    };
    Ok((place, reached))
}
