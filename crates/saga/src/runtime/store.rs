//! Instances in Postgres: locked, read, written, many at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use brainops_fault::{Bug, planted};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use crate::canonical;
use crate::instance::Instance;
use crate::refusal::Refusal;

/// What is told apart when reading or writing fails.
#[derive(Debug)]
pub(crate) enum StoreError {
    Database(sqlx::Error),
    /// A row holds what this program cannot have written.
    Row(Refusal),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Row(refusal)
    }
}

/// Locks the instances of these correlations in order, and reads them; those of `beginning` get a place if there is none.
/// What waits for a saga that is held is read only if something may be `decided_about` it.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    agent: &str,
    correlations: &[&str],
    beginning: &BTreeSet<&str>,
    decided_about: &BTreeSet<&str>,
) -> Result<Locked, StoreError> {
    let mut instances = locked(connection, agent, correlations).await?;
    let missing: Vec<&str> =
        beginning.iter().copied().filter(|correlation| !instances.contains_key(*correlation)).collect();
    let mut places = Vec::new();
    if !missing.is_empty() {
        let rows = sqlx::query(include_str!("../sql/hold_places.sql")).bind(agent).bind(&missing);
        let held = rows.fetch_all(&mut *connection).await?;
        places = held.iter().map(|row| row.try_get("correlation")).collect::<Result<Vec<String>, _>>()?;
        let others: Vec<&str> =
            missing.into_iter().filter(|one| !places.iter().any(|held| held == one)).collect();
        if !others.is_empty() {
            instances.extend(locked(connection, agent, &others).await?);
        }
    }
    read_kept(connection, agent, &mut instances, decided_about).await?;
    Ok(Locked { instances, places })
}

/// Instances that are locked, and places that are held for such as may begin.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) places: Vec<String>,
}

async fn locked(
    connection: &mut PgConnection,
    agent: &str,
    correlations: &[&str],
) -> Result<BTreeMap<String, Instance>, StoreError> {
    let rows = sqlx::query(include_str!("../sql/lock.sql")).bind(agent).bind(correlations);
    let rows = rows.fetch_all(&mut *connection).await?;
    let mut instances = BTreeMap::new();
    for row in &rows {
        let instance = instance(row)?;
        instances.insert(instance.correlation.clone(), instance);
    }
    Ok(instances)
}

/// The instance that a row holds; what waits for it is counted, and not read.
pub(crate) fn instance(row: &PgRow) -> Result<Instance, StoreError> {
    let version: i32 = row.try_get("version")?;
    Ok(Instance {
        correlation: row.try_get("correlation")?,
        run: row.try_get("run")?,
        version: version.unsigned_abs(),
        revision: row.try_get("revision")?,
        phase: parsed(&format!("\"{}\"", row.try_get::<&str, _>("phase")?))?,
        state: row.try_get("state")?,
        book: parsed(row.try_get("book")?)?,
        last_input_at: row.try_get("last_input_at")?,
        mailbox: Vec::new(),
        unread: usize::try_from(row.try_get::<i32, _>("kept")?).unwrap_or(0),
    })
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|_| Refusal::new("unreadable_row"))
}

/// Reads what is kept for the instances that have something and may take it.
async fn read_kept(
    connection: &mut PgConnection,
    agent: &str,
    instances: &mut BTreeMap<String, Instance>,
    decided_about: &BTreeSet<&str>,
) -> Result<(), StoreError> {
    let may_take = |one: &&Instance| !one.is_held() || decided_about.contains(one.correlation.as_str());
    let having = instances.values().filter(|instance| instance.unread > 0).filter(may_take);
    let having: Vec<String> = having.map(|instance| instance.correlation.clone()).collect();
    if having.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(include_str!("../sql/kept.sql")).bind(agent).bind(&having);
    for row in &rows.fetch_all(&mut *connection).await? {
        if let Some(instance) = instances.get_mut(row.try_get::<&str, _>("correlation")?) {
            instance.unread = 0;
            instance.mailbox.push((row.try_get("number")?, parsed(row.try_get("input")?)?));
        }
    }
    Ok(())
}

/// The name of an input in the inbox.
pub(crate) fn inbox_name(agent: &str, correlation: &str, source: &str, id: &str) -> Uuid {
    let digest = canonical::digest([agent, correlation, source, id].map(str::as_bytes));
    let mut name = [0; 16];
    name.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(name)
}

/// Inputs that were taken before.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) all: HashSet<Uuid>,
    /// Those of them that were taken before their turn.
    pub(crate) early: Vec<Uuid>,
}

/// Which of these inputs were taken before.
pub(crate) async fn taken_before(
    connection: &mut PgConnection,
    names: &[Uuid],
) -> Result<Known, sqlx::Error> {
    if planted(Bug::InboxCheckRemoved) {
        return Ok(Known::default());
    }
    let sql =
        "SELECT input, passed_at = 'infinity' AS is_early FROM brainops.saga_inbox WHERE input = ANY ($1)";
    let rows: Vec<(Uuid, bool)> = sqlx::query_as(sql).bind(names).fetch_all(&mut *connection).await?;
    let early = rows.iter().filter(|(_, is_early)| *is_early).map(|(input, _)| *input).collect();
    Ok(Known { all: rows.into_iter().map(|(input, _)| input).collect(), early })
}
