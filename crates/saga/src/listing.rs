//! Sagas for people and programs: which there are, what each waits for and since when. Reads only.

use std::collections::BTreeMap;

use brainops_event::{Frontier, Offset, Partition, PositionError, Timestamp, TopicName};
use sqlx::{PgPool, Row as _};
use thiserror::Error;

use crate::instance::Instance;
use crate::refusal::Refusal;
use crate::runtime::{StoreError, instance};

/// Sagas cannot be shown.
#[derive(Debug, Error)]
pub enum ListError {
    /// The database does not answer, or its tables are not there.
    #[error("the sagas cannot be read")]
    Database(#[from] sqlx::Error),
    /// A row holds what this program cannot read.
    #[error("a saga is kept in a form that this program cannot read")]
    Row(#[source] Refusal),
}

impl From<StoreError> for ListError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            StoreError::Row(refusal) => Self::Row(refusal),
        }
    }
}

/// Which sagas are meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of this agent; none: of all.
    pub agent: Option<&'a str>,
    /// Of this status, see [`Instance::status`], or `all`; none: those that have not ended.
    pub status: Option<&'a str>,
    /// Only such as stand over their agent's budget, or only others; none: all.
    pub over_budget: Option<bool>,
    /// Only such as have waited, or stood parked or paused, since before then.
    pub since_before: Option<Timestamp>,
    /// Only what comes after this agent and correlation: the last one of the page before.
    pub after: Option<(&'a str, &'a str)>,
    /// How many at most; 0: none.
    pub limit: u32,
}

/// A saga and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSaga {
    /// Name of its agent.
    pub agent: String,
    /// All that it is. What waits for it is counted, and not read.
    pub saga: Instance,
}

/// How many sagas of one status an agent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Name of the agent.
    pub agent: String,
    /// See [`Instance::status`].
    pub status: String,
    /// How many.
    pub sagas: i64,
    /// How many inputs wait for them.
    pub kept: i64,
    /// When the log recorded the last input of the one whose last input is longest ago.
    pub oldest_input_at: Timestamp,
}

/// The sagas that are meant, by agent and correlation.
///
/// # Errors
/// [`ListError`].
pub async fn list(pool: &PgPool, filter: Filter<'_>) -> Result<Vec<ListedSaga>, ListError> {
    let (after_agent, after_correlation) = filter.after.unzip();
    let rows = sqlx::query(include_str!("sql/list.sql"))
        .bind(filter.agent)
        .bind(filter.status)
        .bind(filter.since_before)
        .bind(after_agent)
        .bind(after_correlation)
        .bind(i64::from(filter.limit))
        .bind(filter.over_budget)
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok(ListedSaga { agent: row.try_get("agent")?, saga: instance(row)? })).collect()
}

/// The saga of an agent about a correlation; none when there is none.
///
/// # Errors
/// [`ListError`].
pub async fn find(pool: &PgPool, agent: &str, correlation: &str) -> Result<Option<Instance>, ListError> {
    let sql = "SELECT correlation, run, version, revision, phase, state::text AS state, book::text AS book, kept, last_input_at \
                 FROM brainops.saga WHERE agent = $1 AND correlation = $2 AND revision > 0";
    let row = sqlx::query(sql).bind(agent).bind(correlation).fetch_optional(pool).await?;
    row.map(|row| Ok(instance(&row)?)).transpose()
}

/// Up to where each agent has taken the log.
///
/// # Errors
/// [`ListError`].
pub async fn frontiers(pool: &PgPool) -> Result<BTreeMap<String, Frontier>, ListError> {
    let sql = "SELECT agent, topic, partition, next_offset FROM brainops.saga_checkpoint";
    let mut frontiers: BTreeMap<String, Frontier> = BTreeMap::new();
    for row in sqlx::query(sql).fetch_all(pool).await? {
        let corrupt = |error: PositionError| sqlx::Error::Decode(Box::new(error));
        let topic = TopicName::new(row.try_get::<&str, _>("topic")?).map_err(corrupt)?;
        let partition = Partition::new(row.try_get("partition")?).map_err(corrupt)?;
        let next = Offset::new(row.try_get("next_offset")?).map_err(corrupt)?;
        frontiers.entry(row.try_get("agent")?).or_default().set(topic, partition, next);
    }
    Ok(frontiers)
}

/// What an agent has spent in this hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentBudget {
    /// Name of the agent.
    pub agent: String,
    /// How many actions its sagas have decided.
    pub actions: i64,
    /// What these cost at most, in the unit that the agent uses.
    pub cost: i64,
    /// How many sagas stand until a later hour.
    pub waiting: i64,
}

/// What agents that have a budget have spent of it in this hour, by the clock of Postgres. Who has spent nothing yet, and has
/// nothing waiting, is not there.
///
/// # Errors
/// [`ListError`].
pub async fn spent(pool: &PgPool) -> Result<Vec<SpentBudget>, ListError> {
    let rows = sqlx::query(include_str!("sql/spent.sql")).fetch_all(pool).await?;
    let spent = |row: &sqlx::postgres::PgRow| {
        Ok(SpentBudget {
            agent: row.try_get("agent")?,
            actions: row.try_get("actions")?,
            cost: row.try_get("cost")?,
            waiting: row.try_get("waiting")?,
        })
    };
    rows.iter().map(spent).collect()
}

/// How many sagas there are, by agent and status.
///
/// # Errors
/// [`ListError`].
pub async fn counts(pool: &PgPool) -> Result<Vec<Count>, ListError> {
    let rows = sqlx::query(include_str!("sql/overview.sql")).fetch_all(pool).await?;
    let count = |row: &sqlx::postgres::PgRow| {
        Ok(Count {
            agent: row.try_get("agent")?,
            status: row.try_get("status")?,
            sagas: row.try_get("sagas")?,
            kept: row.try_get("kept")?,
            oldest_input_at: row.try_get("oldest_input_at")?,
        })
    };
    rows.iter().map(count).collect()
}
