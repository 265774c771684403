//! Takes partitions over, also from a former owner whose backend hangs with their locks.
//!
//! A takeover waits for locks for six seconds. After five, a second connection asks Postgres who is in the way
//! (`pg_blocking_pids`). A transaction of this keeper's own that is older than five seconds is ended: whatever it would
//! still write belongs to the new owner now, and it is rolled back whole. Anybody else who holds our checkpoints is
//! named and waited for; they are never ended.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::checkpoint::{Asked, Checkpoint, Place, raise_epochs};
use crate::keeper::Keeper;

/// How long a takeover waits for a lock before it is tried again: a little longer than until it looks who is in the
/// way, so that it gets the lock of one that was ended.
const LOCK_TIMEOUT: &str = "6s";

/// How long it waits before it looks who is in the way.
pub const LOOK_AFTER: Duration = Duration::from_secs(5);

/// Somebody who is in the way of a takeover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The backend's process.
    pub pid: i32,
    /// What it calls itself.
    pub application: String,
    /// Who is logged in.
    pub user: String,
    /// What it is doing.
    pub state: String,
    /// How old its transaction is, in seconds.
    pub held_s: i64,
    /// Whether it was ended.
    pub ended: bool,
}

/// Takes partitions over: from here on, nobody else's epoch is good. `tell` hears who is in the way.
///
/// # Errors
/// Postgres does not answer, or somebody keeps the locks.
pub async fn take_over(
    pool: &PgPool,
    keeper: &Keeper,
    asked: &[Asked],
    tell: impl Fn(Result<Vec<Blocker>, sqlx::Error>),
) -> Result<BTreeMap<Place, Checkpoint>, sqlx::Error> {
    // Another name than that of transactions that write, so that two takeovers never end each other.
    let begin = format!(
        "BEGIN; SET LOCAL application_name = 'takeover {}'; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'",
        keeper.name()
    );
    let mut transaction = pool.begin_with(AssertSqlSafe(begin)).await?;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *transaction).await?;
    let checkpoints = {
        let raising = raise_epochs(&mut transaction, keeper, asked);
        let clearing = async {
            tokio::time::sleep(LOOK_AFTER).await;
            tell(blockers(pool, keeper, pid).await);
            std::future::pending().await
        };
        tokio::select! {
            raised = raising => raised?,
            never = clearing => match never {},
        }
    };
    transaction.commit().await?;
    Ok(checkpoints)
}

/// Who is in the way of a backend; a stuck transaction of this keeper's own is ended.
///
/// # Errors
/// Postgres does not answer.
pub async fn blockers(pool: &PgPool, keeper: &Keeper, pid: i32) -> Result<Vec<Blocker>, sqlx::Error> {
    let rows = sqlx::query(include_str!("sql/blockers.sql"))
        .bind(pid)
        .bind(keeper.name())
        .bind(LOOK_AFTER.as_secs_f64())
        .fetch_all(pool)
        .await?;
    let blocker = |row: &sqlx::postgres::PgRow| {
        Ok(Blocker {
            pid: row.try_get("pid")?,
            application: row.try_get("application_name")?,
            user: row.try_get("user_name")?,
            state: row.try_get("state")?,
            held_s: row.try_get("held_s")?,
            ended: row.try_get("ended")?,
        })
    };
    rows.iter().map(blocker).collect()
}
