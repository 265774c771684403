//! What can be told of the outbox from its tables alone, by any process.

use brainops_event::Timestamp;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgExecutor, PgPool, Row as _};

/// The outbox as its tables show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutboxState {
    /// The shards, by number; none before the outbox was opened for the first time.
    pub shards: Vec<ShardState>,
    /// Rows that Kafka has not acknowledged.
    pub pending_rows: u64,
    /// Bytes of those rows' records.
    pub pending_bytes: u64,
    /// Age in seconds of the oldest of those rows.
    pub oldest_pending_seconds: Option<f64>,
    /// Partitions that nothing is sent to.
    pub stopped: Vec<StoppedPartition>,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShardState {
    /// Its number, from 0.
    pub shard: u16,
    /// The relay that has it, or had it last.
    pub holder: Option<String>,
    /// How often it was taken.
    pub epoch: i64,
    /// Seconds until somebody else may take it; negative when that is so already.
    pub lease_seconds_left: f64,
    /// Whether its relay is alive and has read the ends of its partitions.
    pub open: bool,
}

/// A partition that nothing is sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoppedPartition {
    /// Full name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Why, naming both sides.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

impl OutboxState {
    /// Whether every shard has a live relay that has read the ends of its partitions.
    pub fn is_open(&self) -> bool {
        closed(&self.shards).is_none()
    }
}

/// What the tables say now.
///
/// # Errors
/// Postgres does not answer, or the tables are not there.
pub async fn state(pool: &PgPool) -> Result<OutboxState, sqlx::Error> {
    let pending = sqlx::query(include_str!("sql/pending.sql")).fetch_one(pool).await?;
    let stopped = sqlx::query(include_str!("sql/stopped.sql")).fetch_all(pool).await?;
    Ok(OutboxState {
        shards: shards(pool).await?,
        pending_rows: count(&pending, "pending_rows")?,
        pending_bytes: count(&pending, "pending_bytes")?,
        oldest_pending_seconds: pending.try_get("oldest_pending_seconds")?,
        stopped: stopped.iter().map(stopped_partition).collect::<Result<_, _>>()?,
    })
}

/// The shards alone.
pub(crate) async fn shards(executor: impl PgExecutor<'_>) -> Result<Vec<ShardState>, sqlx::Error> {
    let rows = sqlx::query(include_str!("sql/shards.sql")).fetch_all(executor).await?;
    rows.iter().map(shard).collect()
}

/// Which shards are not open, in words; nothing when all are.
pub(crate) fn closed(shards: &[ShardState]) -> Option<String> {
    if shards.is_empty() {
        return Some("it was never opened".to_owned());
    }
    let closed: Vec<String> = shards
        .iter()
        .filter(|shard| !shard.open)
        .map(|shard| match (&shard.holder, shard.lease_seconds_left > 0.0) {
            (Some(holder), true) => {
                format!("shard {}: {holder} still reads the ends of its partitions", shard.shard)
            }
            (Some(holder), false) => format!("shard {}: no relay, the last was {holder}", shard.shard),
            (None, _) => format!("shard {}: no relay yet", shard.shard),
        })
        .collect();
    (!closed.is_empty()).then(|| closed.join("; "))
}

fn shard(row: &PgRow) -> Result<ShardState, sqlx::Error> {
    let number: i16 = row.try_get("shard")?;
    Ok(ShardState {
        shard: number.unsigned_abs(),
        holder: row.try_get("holder")?,
        epoch: row.try_get("epoch")?,
        lease_seconds_left: row.try_get("lease_seconds_left")?,
        open: row.try_get("open")?,
    })
}

fn stopped_partition(row: &PgRow) -> Result<StoppedPartition, sqlx::Error> {
    Ok(StoppedPartition {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        reason: row.try_get("stopped_reason")?,
        since: row.try_get("stopped_at")?,
    })
}

fn count(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}
