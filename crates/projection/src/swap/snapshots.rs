//! Waits until nobody holds a snapshot in which a generation is not whole.
//!
//! A transaction that reads several times in one snapshot would, after a swap, read tables that were filled after its
//! snapshot was taken, and find them empty. So a swap waits for such transactions to end. Those that begin later see
//! all rows. It may wait for one too many: Postgres shows which transactions were open when a snapshot was taken, and of
//! another role not when.

use std::time::Duration;

use brainops_event::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use tokio::time::{Instant, sleep};

use super::error::{Blocker, SwapError, SwapOptions};
use crate::generation::Generation;
use crate::parked::corrupt;

/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until every snapshot in this database is younger than the transaction that made the generation ready.
pub(super) async fn wait_for_old_snapshots(
    pool: &PgPool,
    generation: &Generation,
    options: &SwapOptions,
) -> Result<(), SwapError> {
    let read_model = &generation.read_model;
    let failed = |source| SwapError::Database {
        read_model: read_model.clone(),
        what: "look for old transactions that may read the views",
        source,
    };
    let (ready, now) = ready_xid(pool, generation).await.map_err(failed)?;
    let Some(ready) = ready else { return Ok(()) };
    let deadline = Instant::now() + options.patience;
    loop {
        let held = held(pool, now).await.map_err(failed)?;
        let is_old = |(xmin, blocker): (u64, Blocker)| (xmin <= ready).then_some(blocker);
        let blockers: Vec<Blocker> = held.into_iter().filter_map(is_old).collect();
        if blockers.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let (read_model, number) = (read_model.clone(), generation.number);
            return Err(SwapError::OldSnapshots { read_model, number, blockers });
        }
        sleep(LOOK).await;
    }
}

/// The transaction that made the generation ready, and what time it is: whoever begins later sees what it did.
async fn ready_xid(pool: &PgPool, generation: &Generation) -> Result<(Option<u64>, Timestamp), sqlx::Error> {
    let query = "SELECT ready_xid::text, clock_timestamp() FROM brainops.generation \
                  WHERE read_model = $1 AND generation = $2";
    let query = sqlx::query_as(query).bind(generation.read_model.as_str()).bind(generation.number);
    let (ready, now): (Option<String>, Timestamp) = query.fetch_one(pool).await?;
    Ok((ready.map(|ready| ready.parse().map_err(corrupt)).transpose()?, now))
}

/// The snapshots that others hold: the oldest transaction that was open when each was taken, and whose it is.
async fn held(pool: &PgPool, before: Timestamp) -> Result<Vec<(u64, Blocker)>, sqlx::Error> {
    let rows = sqlx::query(include_str!("../sql/snapshots.sql")).bind(before).fetch_all(pool).await?;
    let held = |row: &PgRow| {
        let newest: u64 = row.try_get::<&str, _>("newest")?.parse().map_err(corrupt)?;
        let xmin: u32 = row.try_get::<&str, _>("xmin")?.parse().map_err(corrupt)?;
        Ok((widened(xmin, newest), blocker(row)?))
    };
    rows.iter().map(held).collect()
}

pub(super) fn blocker(row: &PgRow) -> Result<Blocker, sqlx::Error> {
    Ok(Blocker {
        pid: row.try_get("pid")?,
        user: row.try_get("user_name")?,
        application: row.try_get("application_name")?,
        age_seconds: row.try_get("age_s")?,
    })
}

/// The whole id of a transaction of which the lower half is known, and a whole one that is not far from it.
fn widened(lower: u32, near: u64) -> u64 {
    let near_lower = u32::try_from(near & u64::from(u32::MAX)).unwrap_or_default();
    near.saturating_add_signed(i64::from(lower.wrapping_sub(near_lower).cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_id_is_widened_by_one_that_is_near() {
        let epoch = 1_u64 << 32;
        for (lower, near, expected) in [
            (700, 900, 700),
            (900, 700, 900),
            (u32::MAX, epoch + 5, epoch - 1), // from the epoch before
            (3, epoch + 5, epoch + 3),
            (3, epoch - 5, epoch + 3), // from the next one
        ] {
            assert_eq!(widened(lower, near), expected, "{lower} near {near}");
        }
    }
}
