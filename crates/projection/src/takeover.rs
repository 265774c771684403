//! Takes partitions over, also from a former owner whose backend hangs with their locks.
//!
//! A takeover waits for locks for six seconds. After five, a second connection asks Postgres who is in the way
//! (`pg_blocking_pids`). A transaction of this generation's own projection that is older than five seconds is ended:
//! whatever it would still write belongs to the new owner now, and it is rolled back whole. Anybody else who holds
//! our checkpoints is named in the log and waited for; they are never ended.

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_fault::point;
use metrics::counter;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::checkpoint::{Asked, Checkpoint, Place, application_name, raise_epochs};
use crate::generation::Generation;
use crate::metrics as names;

/// How long a takeover waits for a lock before it is tried again: a little longer than until it looks who is in the
/// way, so that it gets the lock of one that was ended.
const LOCK_TIMEOUT: &str = "6s";

/// How long it waits before it looks who is in the way.
pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(5);

/// Somebody who is in the way of a takeover.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blocker {
    pid: i32,
    application: String,
    user: String,
    state: String,
    held_s: i64,
    /// Whether it was ended.
    ended: bool,
}

/// Takes partitions over: from here on, nobody else's epoch is good.
pub(crate) async fn take_over(
    pool: &PgPool,
    generation: &Generation,
    asked: &[Asked],
) -> Result<BTreeMap<Place, Checkpoint>, sqlx::Error> {
    // Another name than that of transactions that write, so that two takeovers never end each other.
    let begin = format!(
        "BEGIN; SET LOCAL application_name = 'takeover {}'; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'",
        generation.schema()
    );
    let mut transaction = pool.begin_with(AssertSqlSafe(begin)).await?;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *transaction).await?;
    let checkpoints = {
        let raising = raise_epochs(&mut transaction, generation, asked);
        let clearing = async {
            tokio::time::sleep(LOOK_AFTER).await;
            clear_the_way(pool, generation, pid).await;
            std::future::pending().await
        };
        tokio::select! {
            raised = raising => raised?,
            never = clearing => match never {},
        }
    };
    transaction.commit().await?;
    point("projection.taken_over");
    Ok(checkpoints)
}

/// Ends what is stuck of ours, and names whoever else is in the way.
pub(crate) async fn clear_the_way(pool: &PgPool, generation: &Generation, pid: i32) {
    let read_model = &generation.read_model;
    let blockers = match blockers(pool, generation, pid).await {
        Ok(blockers) => blockers,
        Err(error) => {
            tracing::warn!(projector.name = %read_model, error = %error, "it cannot be seen who is in the way of a takeover");
            return;
        }
    };
    for Blocker { pid, application, user, state, held_s, ended } in blockers {
        if ended {
            counter!(names::BACKENDS_ENDED_TOTAL, "read_model" => read_model.to_string()).increment(1);
            tracing::warn!(
                projector.name = %read_model, pid, application, user, state, held_s,
                "ended the transaction of a former owner, which held checkpoints for too long"
            );
        } else {
            tracing::warn!(
                projector.name = %read_model, pid, application, user, state, held_s,
                "somebody else holds checkpoints that are to be taken over; waiting for them"
            );
        }
    }
}

async fn blockers(pool: &PgPool, generation: &Generation, pid: i32) -> Result<Vec<Blocker>, sqlx::Error> {
    let rows = sqlx::query(include_str!("sql/blockers.sql"))
        .bind(pid)
        .bind(application_name(generation))
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
