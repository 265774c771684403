//! What workers and people do with tasks.

use std::time::Duration;

use brainops_event::Timestamp;
use brainops_fault::{Bug, planted, point};
use brainops_outbox::Outbox;
use chrono::{DurationRound as _, TimeDelta};
use metrics::counter;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::error::{FieldError, TaskError};
use crate::mark::{Change, HeldTask, Mark, begin, hold};
use crate::metrics as names;
use crate::name::{Claim, Kind, TaskName, Worker};
use crate::options::{Lease, TaskOptions, pause};
use crate::row::{State, Task, task, with_columns};
use crate::say::{Decider, Outcome, abandoned, cancelled, completed, failed, reason};
use crate::standing::judge;

/// The most kinds that one claim may name.
const MAX_KINDS: usize = 32;
/// Why a task is abandoned whose last worker said nothing.
const LAPSED: &str = "lease_ran_out";

/// The tasks, for whoever works on them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(crate) pool: PgPool,
    pub(crate) outbox: Outbox,
    options: TaskOptions,
}

/// A task that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What its worker shows when it is done.
    pub claim: Claim,
    /// The task; until `ready_at` it is the worker's.
    pub task: Task,
}

/// What becomes of a task that could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It is handed out again.
    Again {
        /// Not before then.
        retry_at: Timestamp,
    },
    /// It was tried as often as it may be.
    Abandoned,
}

impl Tasks {
    /// The tasks of this database.
    #[must_use]
    pub const fn new(pool: PgPool, outbox: Outbox, options: TaskOptions) -> Self {
        Self { pool, outbox, options }
    }

    /// The database.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Hands out the task whose turn it is among these kinds; none when there is none now. When the answer is lost on its
    /// way, the lease of what was handed out runs out.
    ///
    /// # Errors
    /// No kinds are named or too many, or the database does not answer.
    pub async fn claim(
        &self,
        kinds: &[Kind],
        worker: &Worker,
        lease: Lease,
    ) -> Result<Option<Claimed>, TaskError> {
        if kinds.is_empty() || kinds.len() > MAX_KINDS {
            return Err(FieldError { field: "kinds", expected: "1 to 32 kinds" }.into());
        }
        let kinds: Vec<&str> = kinds.iter().map(Kind::as_str).collect();
        loop {
            let row = sqlx::query(AssertSqlSafe(claim_sql()))
                .bind(&kinds)
                .bind(worker.as_str())
                .bind(lease.seconds())
                .fetch_optional(&self.pool)
                .await?;
            let Some(row) = row else { return Ok(None) };
            if row.try_get("has_lapsed")? {
                counter!(names::LAPSED_TOTAL).increment(1);
            }
            let Some(task) = task(&row)? else { return Ok(None) }; // one that is found by its kind has one
            let claim = Claim { task: task.name.clone(), epoch: task.epoch };
            if !self.is_exhausted(task.attempts()) {
                counter!(names::CLAIMED_TOTAL).increment(1);
                point("task.claimed");
                return Ok(Some(Claimed { claim, task }));
            }
            self.abandon(&claim).await?;
        }
    }

    fn is_exhausted(&self, attempts: i32) -> bool {
        u32::try_from(attempts).unwrap_or(0) >= self.options.max_attempts
    }

    /// Ends a task whose leases ran out too often. Somebody else may have been quicker.
    async fn abandon(&self, claim: &Claim) -> Result<(), TaskError> {
        let marked =
            self.mark(&claim.task, Some(claim), |held| abandonment(held, LAPSED, held.task.attempts()));
        match marked.await {
            Ok(_) => {
                counter!(names::ENDED_TOTAL, "state" => State::Abandoned.as_str()).increment(1);
                Ok(())
            }
            Err(TaskError::Lost { .. } | TaskError::Ended { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets the lease of a claim last so long from now; answers until when.
    ///
    /// # Errors
    /// The claim does not count any more, or the database does not answer.
    pub async fn renew(&self, claim: &Claim, lease: Lease) -> Result<Timestamp, TaskError> {
        let mut transaction = begin(&self.pool).await?;
        let HeldTask { task, has_lapsed, .. } = hold(&mut transaction, &claim.task).await?;
        judge(&task, has_lapsed, claim)?;
        let row = sqlx::query(include_str!("sql/renew.sql"))
            .bind(&claim.task.source)
            .bind(&claim.task.id)
            .bind(lease.seconds())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(row.try_get("ready_at")?)
    }

    /// Gives a task back undone, which is no failure; it is not handed out before then.
    ///
    /// # Errors
    /// The claim does not count any more, or the database does not answer.
    pub async fn release(&self, claim: &Claim, not_before: Option<Timestamp>) -> Result<(), TaskError> {
        let mut transaction = begin(&self.pool).await?;
        let HeldTask { task, has_lapsed, now } = hold(&mut transaction, &claim.task).await?;
        judge(&task, has_lapsed, claim)?;
        let until = not_before.map_or(TimeDelta::zero(), |moment| moment - now).to_std().unwrap_or_default();
        pause("not_before", until)?;
        sqlx::query(include_str!("sql/give_back.sql"))
            .bind(&claim.task.source)
            .bind(&claim.task.id)
            .bind(not_before)
            .bind(None::<i32>)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a task as done, and says so. The same again by the same claim is the same.
    ///
    /// # Errors
    /// The claim does not count any more, the task has ended, or it cannot be said now.
    pub async fn complete(&self, claim: &Claim, outcome: &Outcome) -> Result<(), TaskError> {
        let decide = |held: &HeldTask| {
            let event = completed(&held.task, outcome, held.now)?;
            Ok(Mark { event, change: Change::Ended(State::Completed) })
        };
        self.mark(&claim.task, Some(claim), decide).await?;
        counter!(names::ENDED_TOTAL, "state" => State::Completed.as_str()).increment(1);
        Ok(())
    }

    /// Says that a task could not be done: it is handed out again after a while, or abandoned.
    ///
    /// # Errors
    /// The claim does not count any more, the task has ended, or it cannot be said now.
    pub async fn fail(
        &self,
        claim: &Claim,
        why: &str,
        retry_after: Option<Duration>,
    ) -> Result<Failed, TaskError> {
        let why = reason(why)?;
        let asked = retry_after.map(|after| pause("retry_after", after)).transpose()?;
        let decide = |held: &HeldTask| {
            let attempts = held.task.attempts().saturating_add(1);
            if self.is_exhausted(attempts) {
                return abandonment(held, why, attempts);
            }
            let failure = held.task.failures.saturating_add(1);
            let after = asked.unwrap_or_else(|| self.options.backoff.after(failure));
            let retry_at = later(held.now, after);
            let event = failed(&held.task, why, (failure, retry_at), held.now)?;
            Ok(Mark { event, change: Change::Again { failure, retry_at } })
        };
        match self.mark(&claim.task, Some(claim), decide).await? {
            Change::Again { retry_at, .. } => {
                counter!(names::FAILED_TOTAL).increment(1);
                Ok(Failed::Again { retry_at })
            }
            Change::Ended(state) => {
                counter!(names::ENDED_TOTAL, "state" => state.as_str()).increment(1);
                Ok(Failed::Abandoned)
            }
        }
    }

    /// Ends a task that is not wanted any more. One that is cancelled already is.
    ///
    /// # Errors
    /// There is none of this name, it has ended otherwise, or it cannot be said now.
    pub async fn cancel(&self, name: &TaskName, decider: &Decider) -> Result<(), TaskError> {
        let decide = |held: &HeldTask| match held.task.state {
            State::Open => {
                let event = cancelled(&held.task, decider, held.now)?;
                Ok(Mark { event, change: Change::Ended(State::Cancelled) })
            }
            state => Err(TaskError::Ended { task: held.task.name.clone(), state }),
        };
        match self.mark(name, None, decide).await {
            Ok(_) => {
                counter!(names::ENDED_TOTAL, "state" => State::Cancelled.as_str()).increment(1);
                Ok(())
            }
            Err(TaskError::Ended { state: State::Cancelled, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn abandonment(held: &HeldTask, why: &str, attempts: i32) -> Result<Mark, TaskError> {
    let event = abandoned(&held.task, why, attempts, held.now)?;
    Ok(Mark { event, change: Change::Ended(State::Abandoned) })
}

/// That much later, in whole milliseconds, as the event will tell it.
fn later(now: Timestamp, after: Duration) -> Timestamp {
    let later =
        TimeDelta::from_std(after).ok().and_then(|after| now.checked_add_signed(after)).unwrap_or(now);
    later.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(later)
}

fn claim_sql() -> String {
    let sql = with_columns(include_str!("sql/claim.sql"));
    if !planted(Bug::ClaimWithoutEpoch) {
        return sql;
    }
    sql.replace("greatest(task.epoch + 1, (extract", "coalesce(nullif(task.epoch, 0), (extract")
}
