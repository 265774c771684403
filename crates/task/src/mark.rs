//! Ends a task, or notes its failure: the row's lock, the claim, the mark and the event in one transaction.
//!
//! ```text
//! BEGIN ──▶ lock the row ──▶ judge the claim ──▶ mark ──▶ enqueue the event ──▶ COMMIT ──▶ wake the relay
//!               ▲                  │                           │                  │
//!               │                  └▶ lost, ended              └▶ said otherwise  │ no answer
//!               └──────────────────── behind the lock, the row says which ◀──────┘
//! ```
//!
//! If the power goes before COMMIT, nothing happened, and the lease runs out. After it, the relay says the event.

use std::time::Duration;

use brainops_checkpoint::backoff::Backoff;
use brainops_checkpoint::sqlstate::outcome_is_unknown;
use brainops_event::{Outgoing, Timestamp};
use brainops_fault::{Bug, planted, point};
use brainops_outbox::{AppendError, Enqueued, Prepared, enqueue};
use metrics::counter;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, Transaction};

use crate::error::TaskError;
use crate::metrics as names;
use crate::name::{Claim, TaskName};
use crate::row::{State, Task, task, with_columns};
use crate::standing::judge;
use crate::tasks::Tasks;

/// Who waits for a lock, or is stopped while it has one, does not keep the task from others for long.
const BEGIN: &str =
    "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";
/// How often is looked what became of a COMMIT that gave no answer.
const SETTLE_TRIES: u32 = 8;
/// When to try again while the outbox is full.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// What is to become of a task, and the event that says so.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) event: Outgoing,
    pub(crate) change: Change,
}

/// What the row becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Ended(State),
    Again { failure: i32, retry_at: Timestamp },
}

/// A task behind its lock.
pub(crate) struct HeldTask {
    pub(crate) task: Task,
    pub(crate) has_lapsed: bool,
    /// By the clock of Postgres, in whole milliseconds.
    pub(crate) now: Timestamp,
}

enum Attempt {
    Done,
    /// It had been done before, by the same claim, in the same words.
    Repeated,
    /// COMMIT gave no answer.
    Unknown(sqlx::Error),
}

pub(crate) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with(BEGIN).await
}

pub(crate) async fn hold(connection: &mut PgConnection, name: &TaskName) -> Result<HeldTask, TaskError> {
    let unknown = || TaskError::Unknown { task: name.clone() };
    let row = sqlx::query(AssertSqlSafe(with_columns(include_str!("sql/hold.sql"))))
        .bind(&name.source)
        .bind(&name.id)
        .fetch_optional(connection)
        .await?
        .ok_or_else(unknown)?;
    let task = task(&row)?.ok_or_else(unknown)?;
    Ok(HeldTask { task, has_lapsed: row.try_get("has_lapsed")?, now: row.try_get("now")? })
}

impl Tasks {
    /// Does what `decide` says about a task; with a claim, only if that counts.
    pub(crate) async fn mark(
        &self,
        name: &TaskName,
        claim: Option<&Claim>,
        decide: impl Fn(&HeldTask) -> Result<Mark, TaskError>,
    ) -> Result<Change, TaskError> {
        if !self.outbox.has_room().await? {
            return Err(TaskError::Append(Box::new(AppendError::Full { retry_after: FULL_RETRY })));
        }
        let mut backoff = Backoff::for_database();
        let mut tries = 0;
        let mut tried = None;
        loop {
            let error = match self.attempt(name, claim, &decide, &mut tried).await {
                Ok((change, Attempt::Done)) => {
                    point("task.committed");
                    self.outbox.wake();
                    return Ok(change);
                }
                Ok((change, Attempt::Repeated)) => return Ok(change),
                Ok((_, Attempt::Unknown(error))) => {
                    counter!(names::UNKNOWN_COMMITS_TOTAL).increment(1);
                    TaskError::Database(error)
                }
                Err(error) if tried.is_some() && error.is_transient() => error,
                Err(error) => return Err(error),
            };
            tries += 1;
            if tries == SETTLE_TRIES {
                return Err(error);
            }
            let pause = backoff.pause();
            tracing::warn!(error = %error, pause_ms = pause.as_millis(), "a commit gave no answer; reading the task");
            tokio::time::sleep(pause).await;
        }
    }

    /// One transaction. `tried` is what an earlier one may have done.
    async fn attempt(
        &self,
        name: &TaskName,
        claim: Option<&Claim>,
        decide: &impl Fn(&HeldTask) -> Result<Mark, TaskError>,
        tried: &mut Option<Change>,
    ) -> Result<(Change, Attempt), TaskError> {
        let mut transaction = begin(&self.pool).await?;
        let held = hold(&mut transaction, name).await?;
        point("task.held");
        if let Some(change) = tried.take_if(|change| is_done(&held.task, claim, change)) {
            self.outbox.wake();
            return Ok((change, Attempt::Repeated));
        }
        let judged = claim.map_or(Ok(()), |claim| judge(&held.task, held.has_lapsed, claim));
        let is_ended_by_this =
            held.task.state != State::Open && claim.is_some_and(|claim| claim.epoch == held.task.epoch);
        if !is_ended_by_this {
            judged.inspect_err(|_| counter!(names::FENCED_TOTAL).increment(1))?;
        }
        let Mark { event, change } = decide(&held)?;
        let prepared = self.prepare(event).await?;
        if is_ended_by_this {
            return repeated(&mut transaction, &held.task, change, &prepared).await;
        }
        write(&mut transaction, name, &change).await?;
        point("task.marked");
        if planted(Bug::TaskMarkedBeforeEvent) {
            transaction.commit().await?;
            point("task.marked_alone");
            transaction = begin(&self.pool).await?;
        }
        let enqueued = enqueue(&mut transaction, &prepared).await?;
        if matches!(enqueued.first(), Some(Enqueued::Conflict { .. })) {
            transaction.rollback().await?;
            return Err(TaskError::SaidOtherwise { task: name.clone() });
        }
        point("task.enqueued");
        match transaction.commit().await {
            Ok(()) => Ok((change, Attempt::Done)),
            Err(error) if outcome_is_unknown(&error) => {
                *tried = Some(change.clone());
                Ok((change, Attempt::Unknown(error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn prepare(&self, event: Outgoing) -> Result<Vec<Prepared>, TaskError> {
        let prepared = self.outbox.prepare(vec![event]).await;
        prepared.into_iter().collect::<Result<_, _>>().map_err(|error| TaskError::Append(Box::new(error)))
    }
}

/// A task that has ended under this claim: whether it ended with this very event.
async fn repeated(
    transaction: &mut Transaction<'static, Postgres>,
    task: &Task,
    change: Change,
    prepared: &[Prepared],
) -> Result<(Change, Attempt), TaskError> {
    let enqueued = enqueue(transaction, prepared).await?; // never committed
    match (&change, enqueued.first()) {
        (Change::Ended(state), Some(Enqueued::Repeated { .. })) if *state == task.state => {
            Ok((change, Attempt::Repeated))
        }
        _ => Err(TaskError::Ended { task: task.name.clone(), state: task.state }),
    }
}

/// Whether the row says that this change was made by this claim.
fn is_done(task: &Task, claim: Option<&Claim>, change: &Change) -> bool {
    if claim.is_some_and(|claim| claim.epoch != task.epoch) {
        return false;
    }
    match change {
        Change::Ended(state) => task.state == *state,
        Change::Again { failure, .. } => task.failures == *failure && task.worker.is_none(),
    }
}

async fn write(connection: &mut PgConnection, name: &TaskName, change: &Change) -> Result<(), sqlx::Error> {
    let query = match change {
        Change::Ended(state) => {
            sqlx::query(include_str!("sql/end.sql")).bind(&name.source).bind(&name.id).bind(state.as_str())
        }
        Change::Again { failure, retry_at } => sqlx::query(include_str!("sql/give_back.sql"))
            .bind(&name.source)
            .bind(&name.id)
            .bind(*retry_at)
            .bind(*failure),
    };
    query.execute(connection).await?;
    Ok(())
}
