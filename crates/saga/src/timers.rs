//! Fires timers that are due: durable, once each, whatever dies and whatever the clock does.
//!
//! A timer is a row with its deadline. Whoever sweeps takes due rows that nobody else has locked, removes them, and puts
//! `saga.timer.fired` into the outbox, all in one transaction. So a timer is there or has fired, and never both.
//!
//! Deadlines are compared with the clock of Postgres alone: one clock for all processes. When it jumps ahead, timers fire
//! early; when it jumps back, late; none is lost and none fires twice, since rows are removed and not remembered by time.
//! Each setting of a timer has an id of its own, from which that of the event follows: a setting that was cancelled or
//! replaced while its event was on its way is known by it, and ignored.

use std::time::Duration;

use brainops_checkpoint::backoff::Backoff;
use brainops_checkpoint::sqlstate::{Remedy, outcome_is_unknown, remedy};
use brainops_event::types::saga::SagaTimerFired;
use brainops_event::{Outgoing, Timestamp};
use brainops_fault::{Bug, planted, point};
use brainops_outbox::{AppendError, Outbox, enqueue};
use metrics::{counter, histogram};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::decide::{DecideError, fired_event};
use crate::metrics as names;
use crate::release::release;
use crate::switch;

/// How many timers one transaction fires at most.
const BATCH: i64 = 1_000;
/// How long is waited at most before it is looked again: a timer that is set meanwhile for sooner is seen then.
const LOOK: Duration = Duration::from_millis(250);

/// A sweep's transaction. Its rows are nobody's until they are locked, so no takeover ends it when its process sleeps, and who
/// reacts may have to wait for them: after this long Postgres ends it.
pub(crate) const BEGIN: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// Timers cannot be fired without a person. What passes by itself is waited for.
#[derive(Debug, Error)]
pub enum TimerError {
    /// Postgres refuses what it should take.
    #[error("the database refuses that timers fire")]
    Database(#[source] sqlx::Error),
    /// The event cannot be made.
    #[error("that a timer has fired cannot be said")]
    Say(#[from] DecideError),
    /// The event cannot be appended.
    #[error("that a timer has fired cannot be appended")]
    Append(#[source] Box<AppendError>),
}

/// Fires the timers of all agents, and lets sagas go on that stood for the hour of a budget, until shutdown is asked for. Any number of processes may do it.
///
/// # Errors
/// [`TimerError`] when a person is needed.
pub async fn fire_timers(
    pool: PgPool,
    outbox: Outbox,
    shutdown: CancellationToken,
) -> Result<(), TimerError> {
    let mut backoff = Backoff::for_database();
    loop {
        let swept = match release(&pool, &outbox).await {
            Ok(_) => sweep(&pool, &outbox).await,
            Err(error) => Err(error),
        };
        let pause = match swept {
            Ok(Some(_)) => {
                backoff = Backoff::for_database();
                Duration::ZERO // there may be more
            }
            Ok(None) => LOOK,
            Err(Unswept::Fault(fault)) => return Err(fault),
            Err(Unswept::Passing(reason)) => {
                let pause = backoff.pause();
                tracing::warn!(reason, pause_ms = pause.as_millis(), "timers cannot be fired; trying again");
                pause
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

pub(crate) enum Unswept {
    Passing(String),
    Fault(TimerError),
}

impl From<sqlx::Error> for Unswept {
    fn from(error: sqlx::Error) -> Self {
        match remedy(&error) {
            Remedy::Retry => Self::Passing(error.to_string()),
            Remedy::FixFold | Remedy::FixInstallation => Self::Fault(TimerError::Database(error)),
        }
    }
}

/// Fires what is due, up to a bound; nothing when nothing is.
async fn sweep(pool: &PgPool, outbox: &Outbox) -> Result<Option<usize>, Unswept> {
    if !is_any_due(pool).await? {
        return Ok(None);
    }
    if !outbox.has_room().await? {
        return Err(Unswept::Passing("the outbox is full".to_owned()));
    }
    let mut transaction = pool.begin_with(BEGIN).await?;
    switch::hold(&mut transaction, "").await?; // whose timers wait, the query says
    let rows = sqlx::query(AssertSqlSafe(take_due_sql())).bind(BATCH).fetch_all(&mut *transaction).await?;
    point("saga.timers_taken");
    if rows.is_empty() {
        transaction.rollback().await?;
        return Ok(None); // somebody else fires them
    }
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        events.push(event(row)?);
    }
    let prepared = outbox.prepare(events).await.into_iter().collect::<Result<Vec<_>, _>>();
    let prepared = prepared.map_err(|error| match error.is_transient() {
        true => Unswept::Passing(error.to_string()),
        false => Unswept::Fault(TimerError::Append(Box::new(error))),
    })?;
    // What was said before, by a database that has since been restored, is said.
    enqueue(&mut transaction, &prepared).await?;
    point("saga.timers_enqueued");
    match transaction.commit().await {
        Ok(()) => {}
        // Done or not, the rows say it: the next sweep finds them gone or due.
        Err(error) if outcome_is_unknown(&error) => return Err(Unswept::Passing(error.to_string())),
        Err(error) => return Err(error.into()),
    }
    point("saga.timers_committed");
    outbox.wake();
    counter!(names::TIMERS_FIRED_TOTAL).increment(rows.len() as u64);
    for row in &rows {
        histogram!(names::TIMER_DELAY_SECONDS).record(row.try_get::<f64, _>("delay_s")?);
    }
    Ok(Some(rows.len()))
}

fn take_due_sql() -> String {
    let sql = include_str!("sql/take_due.sql");
    if !planted(Bug::TimerFiredTwice) {
        return sql.to_owned();
    }
    sql.replace("DELETE FROM", "UPDATE").replace("USING due", "SET run = timer.run FROM due")
}

async fn is_any_due(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(include_str!("sql/is_any_due.sql")).fetch_one(pool).await
}

fn event(row: &PgRow) -> Result<Outgoing, Unswept> {
    let mut setting: String = row.try_get("setting")?;
    let now: Timestamp = row.try_get("now")?;
    if planted(Bug::TimerFiredTwice) {
        setting.push_str(&now.timestamp_micros().to_string());
    }
    let fired = SagaTimerFired {
        agent: row.try_get("agent")?,
        correlation: row.try_get("correlation")?,
        run: row.try_get("run")?,
        timer: row.try_get("name")?,
        setting,
        deadline: row.try_get("deadline")?,
    };
    let flow: Option<String> = row.try_get("flow")?;
    fired_event(&fired, flow.as_deref(), now).map_err(|error| Unswept::Fault(error.into()))
}
