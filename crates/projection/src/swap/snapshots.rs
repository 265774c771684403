//! Waits until nobody holds a snapshot in which a generation is not whole.
//!
//! A transaction that reads several times in one snapshot would, after a swap, read tables that were filled after its
//! snapshot was taken, and find them empty. So a swap waits for such transactions to end. Those that begin later see
//! all rows.

use std::collections::BTreeSet;

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use tokio::time::{Instant, sleep};

use super::error::{Blocker, SwapError, SwapOptions};
use crate::generation::Generation;
use crate::parked::corrupt;

/// How often is looked.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// A snapshot that somebody holds.
struct Held {
    blocker: Blocker,
    /// `None` of a session that hides it.
    xmin: Option<u64>,
    virtualxid: Option<String>,
}

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
    let Some(ready) = ready_xid(pool, generation).await.map_err(failed)? else { return Ok(()) };
    let deadline = Instant::now() + options.patience;
    // Of those that hide their snapshots, whoever is open now may be too old; whoever comes later is not.
    let mut hidden: Option<BTreeSet<String>> = None;
    loop {
        let held = held(pool).await.map_err(failed)?;
        let open = held.iter().filter(|one| one.xmin.is_none()).filter_map(|one| one.virtualxid.clone());
        let hidden = &*hidden.get_or_insert_with(|| open.collect());
        let is_old = |one: &Held| match (one.xmin, &one.virtualxid) {
            (Some(xmin), _) => xmin <= ready,
            (None, Some(virtualxid)) => hidden.contains(virtualxid),
            (None, None) => false,
        };
        let blockers: Vec<Blocker> = held.into_iter().filter(is_old).map(|one| one.blocker).collect();
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

async fn ready_xid(pool: &PgPool, generation: &Generation) -> Result<Option<u64>, sqlx::Error> {
    let query = "SELECT ready_xid::text FROM brainops.generation WHERE read_model = $1 AND generation = $2";
    let query = sqlx::query_scalar(query).bind(generation.read_model.as_str()).bind(generation.number);
    let ready: Option<String> = query.fetch_one(pool).await?;
    ready.map(|ready| ready.parse().map_err(corrupt)).transpose()
}

async fn held(pool: &PgPool) -> Result<Vec<Held>, sqlx::Error> {
    let rows = sqlx::query(include_str!("../sql/snapshots.sql")).fetch_all(pool).await?;
    let held = |row: &PgRow| {
        let newest: u64 = row.try_get::<&str, _>("newest")?.parse().map_err(corrupt)?;
        let xmin: Option<u32> =
            row.try_get::<Option<&str>, _>("xmin")?.map(str::parse).transpose().map_err(corrupt)?;
        Ok(Held {
            blocker: blocker(row)?,
            xmin: xmin.map(|xmin| widened(xmin, newest)),
            virtualxid: row.try_get("virtualxid")?,
        })
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
