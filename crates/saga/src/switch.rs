//! The stop switch: one agent, or all of them, stopped before their next act, in whatever process they run.
//!
//! **Recorded first, obeyed at the next transaction.** The event and the row that says it are one transaction. Every
//! transaction that reacts, or fires timers, begins with holding the switch (an advisory lock that all of them share) and
//! looking at it; whoever throws it needs the lock for itself. So the stop waits for transactions that are under way, no
//! new one gets past it, and after the commit of the stop no decision is committed anywhere.
//!
//! | who is under way | what becomes of it |
//! |---|---|
//! | one that ends within [`PATIENCE`] | it is committed, before the stop is |
//! | one that hangs: its process sleeps, its host is gone | its backend is ended: rolled back whole |
//!
//! While it lasts nothing is lost: checkpoints stand, timers that fall due wait, and so does what people decide about
//! single sagas, which are inputs like others.

use std::time::Duration;

use brainops_event::types::saga::{AgentsStarted, AgentsStopped};
use brainops_event::{EncodeError, EventId, Outgoing, Timestamp, new_id};
use brainops_fault::{Bug, planted, point};
use brainops_outbox::{AppendError, Outbox, Prepared, enqueue};
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Row as _};
use thiserror::Error;

use crate::decide::{DecideError, Decider, switch_event};

/// Stands for all agents.
const ALL: &str = "*";
/// How long a stop waits for transactions that are under way before it ends them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// How often the switch is thrown anew when somebody else throws it at the same time.
const ATTEMPTS: usize = 10;
/// How long all of it may take: what holds the lock after its backend was ended is no transaction of ours.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";

/// That agents are stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The agent; none: all of them.
    pub agent: Option<String>,
    /// How often it was stopped or started.
    pub number: i64,
    /// Who has stopped it.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// The switch cannot be thrown, or not be read.
#[derive(Debug, Error)]
pub enum SwitchError {
    /// Who and why were not said, or not so that it can be kept.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The event cannot be made ready; see [`AppendError::is_transient`].
    #[error("the event cannot be made ready")]
    Append(#[source] Box<AppendError>),
    /// Postgres does not do what it should: it is not known whether the switch was thrown. Trying again can help, and
    /// does no harm.
    #[error("the switch cannot be thrown")]
    Database(#[from] sqlx::Error),
    /// No agent of that name has run here.
    #[error("no agent {agent} has run here; there are: {known}")]
    Unknown {
        /// The name.
        agent: String,
        /// Names of those that have, with commas between.
        known: String,
    },
    /// Others have thrown it each time in between.
    #[error("others throw the switch of {agent} at the same time")]
    Contended {
        /// Whose switch.
        agent: String,
    },
}

impl From<EncodeError> for SwitchError {
    fn from(error: EncodeError) -> Self {
        Self::Decide(error.into())
    }
}

/// Throws the switch of one agent, or that of all of them. When this answers, no agent that it stops decides anything any
/// more. The event is in the outbox, and stands in the log as soon as a relay sends it.
///
/// # Errors
/// [`SwitchError`].
pub async fn throw_switch(
    pool: &PgPool,
    outbox: &Outbox,
    (agent, stop): (Option<&str>, bool),
    decider: &Decider,
) -> Result<i64, SwitchError> {
    if let Some(agent) = agent {
        must_be_known(pool, agent).await?;
    }
    let agent = agent.unwrap_or(ALL);
    for _ in 0..ATTEMPTS {
        let sql = "SELECT coalesce(max(number), 0) + 1 FROM brainops.saga_switch WHERE agent = $1";
        let number: i64 = sqlx::query_scalar(sql).bind(agent).fetch_one(pool).await?;
        let (id, now) = (new_id(uuid::Uuid::now_v7()), chrono::Utc::now());
        let event = event((agent, stop), number, decider, (id, now))?;
        // Made ready before the lock is asked for: what that needs may be slow.
        let prepared = outbox.prepare(vec![event]).await.into_iter().collect::<Result<Vec<_>, _>>();
        let prepared = prepared.map_err(|error| SwitchError::Append(Box::new(error)))?;
        let turn = Turn { agent, number, stop, decider, now };
        if turn.throw(pool, &prepared).await? {
            outbox.wake();
            return Ok(number);
        }
    }
    Err(SwitchError::Contended { agent: agent.to_owned() })
}

/// A stop that names nobody by mistake would stop nobody, in silence.
async fn must_be_known(pool: &PgPool, agent: &str) -> Result<(), SwitchError> {
    let sql = "SELECT DISTINCT agent FROM brainops.saga_checkpoint ORDER BY agent";
    let known: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await?;
    if known.iter().any(|one| one == agent) {
        return Ok(());
    }
    Err(SwitchError::Unknown { agent: agent.to_owned(), known: known.join(", ") })
}

/// One attempt.
struct Turn<'a> {
    agent: &'a str,
    number: i64,
    stop: bool,
    decider: &'a Decider,
    now: Timestamp,
}

impl Turn<'_> {
    /// False when somebody else has thrown it since its number was read.
    async fn throw(&self, pool: &PgPool, prepared: &[Prepared]) -> Result<bool, SwitchError> {
        let mut transaction = pool.begin().await?;
        sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
        take_for_itself(&mut transaction, pool).await?;
        point("saga.switch_taken");
        let thrown = sqlx::query(include_str!("sql/throw_switch.sql"))
            .bind(self.agent)
            .bind(self.number)
            .bind(self.stop)
            .bind(&self.decider.by)
            .bind(&self.decider.reason)
            .bind(self.now)
            .execute(&mut *transaction)
            .await?;
        if thrown.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        enqueue(&mut transaction, prepared).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Takes the lock that reacting transactions share; those that do not end are ended.
async fn take_for_itself(connection: &mut PgConnection, pool: &PgPool) -> Result<(), sqlx::Error> {
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await?;
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended('brainops.saga_switch', 0))";
    let taking = sqlx::query(sql).execute(&mut *connection);
    let clearing = async {
        loop {
            tokio::time::sleep(PATIENCE).await;
            end_holders(pool, pid).await;
        }
    };
    tokio::select! {
        taken = taking => taken.map(|_| ()),
        never = clearing => never,
    }
}

async fn end_holders(pool: &PgPool, pid: i32) {
    match sqlx::query(include_str!("sql/end_holders.sql")).bind(pid).fetch_all(pool).await {
        Err(error) => {
            tracing::warn!(error = %error, "it cannot be seen who is in the way of the stop switch")
        }
        Ok(rows) => {
            for row in rows {
                let pid: i32 = row.try_get("pid").unwrap_or_default();
                let application: String = row.try_get("application_name").unwrap_or_default();
                tracing::warn!(pid, application, "a transaction in the way of the stop switch was ended");
            }
        }
    }
}

/// Holds the switch until the end of the transaction, and says whether this agent is stopped.
pub(crate) async fn hold(connection: &mut PgConnection, agent: &str) -> Result<bool, sqlx::Error> {
    if planted(Bug::StopSwitchNotHeld) {
        return is_stopped(connection, agent).await;
    }
    let sql = "SELECT brainops.saga_hold_switch($1)";
    sqlx::query_scalar(sql).bind(agent).fetch_one(connection).await
}

/// Whether this agent is stopped at this moment.
pub(crate) async fn is_stopped(
    connection: impl sqlx::PgExecutor<'_>,
    agent: &str,
) -> Result<bool, sqlx::Error> {
    let sql = "SELECT EXISTS (SELECT FROM brainops.saga_switch WHERE is_stopped AND agent IN ('*', $1))";
    sqlx::query_scalar(sql).bind(agent).fetch_one(connection).await
}

/// What is stopped at this moment: all agents first, then single ones.
///
/// # Errors
/// Postgres does not answer, or the tables are not there.
pub async fn stopped(pool: &PgPool) -> Result<Vec<Stopped>, sqlx::Error> {
    let rows = sqlx::query(include_str!("sql/stopped.sql")).fetch_all(pool).await?;
    let stopped = |row: &sqlx::postgres::PgRow| {
        let agent: String = row.try_get("agent")?;
        Ok(Stopped {
            agent: (agent != ALL).then_some(agent),
            number: row.try_get("number")?,
            by: row.try_get("decided_by")?,
            reason: row.try_get("reason")?,
            since: row.try_get("decided_at")?,
        })
    };
    rows.iter().map(stopped).collect()
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whom = self.agent.as_deref().unwrap_or("all agents");
        let since = brainops_event::format_timestamp(&self.since);
        write!(out, "{whom} stopped since {since} by {}: {}", self.by, self.reason)
    }
}

/// A switch that stands in the log, to be thrown again where the tables have forgotten it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    agent: String,
    number: i64,
    stop: bool,
    decider: Decider,
    at: Timestamp,
}

impl Told {
    /// What an event says about the switch of this agent, or that of all of them.
    pub(crate) fn of(
        agent: &str,
        event: &brainops_event::Recorded<'_>,
    ) -> Result<Option<Self>, crate::Refusal> {
        let (whose, number, stop, by, reason) = match event.envelope.event_type() {
            _ if event.envelope.source() != crate::decide::SOURCE => return Ok(None),
            "saga.agents.stopped" => {
                let AgentsStopped { agent, number, decided_by, reason } = event.typed()?;
                (agent, number, true, decided_by, reason)
            }
            "saga.agents.started" => {
                let AgentsStarted { agent, number, decided_by, reason } = event.typed()?;
                (agent, number, false, decided_by, reason)
            }
            _ => return Ok(None),
        };
        let at = event.envelope.time().unwrap_or(event.recorded_at);
        let told = Self { agent: whose, number, stop, decider: Decider { by, reason }, at };
        Ok((told.agent == ALL || told.agent == agent).then_some(told))
    }

    /// Throws it again, unless a later one is known.
    pub(crate) async fn again(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let query = sqlx::query(include_str!("sql/throw_switch.sql"));
        let query = query.bind(&self.agent).bind(self.number).bind(self.stop);
        let query = query.bind(&self.decider.by).bind(&self.decider.reason).bind(self.at);
        query.execute(connection).await.map(|_| ())
    }
}

fn event(
    (agent, stop): (&str, bool),
    number: i64,
    decider: &Decider,
    named: (EventId, Timestamp),
) -> Result<Outgoing, DecideError> {
    let (agent, decided_by, reason) = (agent.to_owned(), decider.by.clone(), decider.reason.clone());
    if stop {
        return switch_event(
            &agent.clone(),
            &AgentsStopped { agent, number, decided_by, reason },
            decider,
            named,
        );
    }
    switch_event(&agent.clone(), &AgentsStarted { agent, number, decided_by, reason }, decider, named)
}
