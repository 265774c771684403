//! Removes rows some days after their acknowledgement. Their names stay reserved, with their positions.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::metrics::PURGED;
use crate::outbox::Shared;

/// How often it is looked for rows whose time has passed.
const EVERY: Duration = Duration::from_secs(600);
/// How many rows one statement looks at.
const ROWS: i64 = 5_000;

/// Purges from time to time, for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let purged = async {
            let mut connection = shared.connect_by_key().await?;
            purge(&mut connection, shared.config.keep()).await
        };
        match purged.await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "rows of the outbox were removed after their time"),
            Err(error) => tracing::warn!(%error, "the outbox cannot be purged, it will be tried again"),
        }
    }
}

/// Removes rows that were acknowledged longer ago than that; answers how many.
pub(crate) async fn purge(connection: &mut PgConnection, keep: Duration) -> Result<u64, sqlx::Error> {
    let (mut after, mut purged) = (0_i64, 0_u64);
    loop {
        let row = sqlx::query(include_str!("../sql/purge.sql"))
            .bind(after)
            .bind(keep.as_secs_f64())
            .bind(ROWS)
            .fetch_one(&mut *connection)
            .await?;
        let gone: i64 = row.try_get("gone")?;
        purged += gone.unsigned_abs();
        counter!(PURGED).increment(gone.unsigned_abs());
        let all_young: Option<bool> = row.try_get("all_young")?;
        match row.try_get("last")? {
            Some(last) if row.try_get::<i64, _>("looked")? == ROWS && all_young != Some(true) => after = last,
            _ => return Ok(purged),
        }
    }
}
