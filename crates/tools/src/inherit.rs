//! Calls of executors that have ended are taken over: first the lease is ended, then the process, then the log is read, and
//! only then somebody decides about the call.

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_event::types::tool::CallStarted;
use brainops_event::{Frontier, Offset, Partition, PositionError};
use brainops_log::{Cluster, ClusterError, Item, ReadError, Registry, end_frontier, read};
use metrics::counter;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use thiserror::Error;

use crate::desk::{Desk, Held};
use crate::follow::TOPIC;
use crate::gate::Came;
use crate::metrics as names;
use crate::name::{About, CallName};
use crate::process::{Fate, Where};
use crate::row::{Call, call, with_columns};
use crate::say::SOURCE;

/// How long a process that cannot be seen from here keeps its calls after its lease was ended, so that it has stopped to act if
/// it runs: its machine may be cut off and go on.
const OUT_OF_SIGHT: Duration = Duration::from_secs(600);

/// How many calls are taken over at once.
const MOST: usize = 100;

/// Calls cannot be taken over now.
#[derive(Debug, Error)]
pub(crate) enum InheritError {
    #[error("the database does not answer")]
    Database(#[from] sqlx::Error),
    #[error("the end of the log is not known")]
    Cluster(#[from] ClusterError),
    #[error("the log of calls cannot be read")]
    Read(#[from] ReadError),
    #[error("a position of a call cannot be")]
    Position(#[from] PositionError),
}

/// Looks for what can be taken over, and takes as many calls as there is room for.
pub(crate) async fn inherit(pool: &PgPool, desk: &Desk, here: &Where) -> Result<Vec<Held>, sqlx::Error> {
    sqlx::query(include_str!("sql/end_lapsed.sql")).execute(pool).await?;
    let mut inherited = Vec::new();
    for row in sqlx::query(include_str!("sql/bereaved.sql")).fetch_all(pool).await? {
        let (executor, found, ended_for) = bereaved(&row)?;
        if is_gone(found, here.clone(), ended_for).await {
            inherited.extend(claim(pool, desk, Some(&executor)).await?);
        }
    }
    inherited.extend(claim(pool, desk, None).await?);
    Ok(inherited)
}

fn bereaved(row: &PgRow) -> Result<(String, Where, Duration), sqlx::Error> {
    let found = Where {
        host: row.try_get("host")?,
        boot: row.try_get("boot")?,
        pid_namespace: row.try_get("pid_namespace")?,
        pid: row.try_get("pid")?,
        start_ticks: row.try_get("start_ticks")?,
    };
    let ended_for: f64 = row.try_get("ended_for")?;
    Ok((row.try_get("executor")?, found, Duration::from_secs_f64(ended_for.max(0.0))))
}

async fn is_gone(found: Where, here: Where, ended_for: Duration) -> bool {
    let pid = found.pid;
    match tokio::task::spawn_blocking(move || found.end(&here)).await {
        Ok(Ok(Fate::Gone)) => true,
        Ok(Ok(Fate::OutOfSight)) => ended_for >= OUT_OF_SIGHT,
        Ok(Err(error)) => {
            tracing::error!(%error, process.pid = pid, "a process that has let its lease run out cannot be ended; its calls wait");
            false
        }
        Err(_) => false,
    }
}

/// Takes as many of the executor's calls as there is room for now; the rest is found again. Without an executor: those of which
/// only the log knows that they were started.
async fn claim(pool: &PgPool, desk: &Desk, executor: Option<&str>) -> Result<Vec<Held>, sqlx::Error> {
    let room = desk.room(MOST);
    if room.is_empty() {
        return Ok(Vec::new());
    }
    let sql = with_columns(include_str!("sql/inherit.sql"));
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(desk.executor())
        .bind(i64::try_from(room.len()).unwrap_or(0))
        .bind(executor)
        .fetch_all(pool)
        .await?;
    counter!(names::INHERITED_TOTAL).increment(rows.len() as u64);
    rows.iter()
        .zip(room)
        .map(|(row, permit)| Ok(Held { call: call(row)?, permit, is_inherited: true }))
        .collect()
}

/// How far the log says that these calls came: it is read from where they were asked for to its end. Whoever had them is no
/// more, so what it said stands there.
pub(crate) async fn came(
    cluster: &Cluster,
    registry: &Registry,
    calls: &[&Call],
) -> Result<BTreeMap<CallName, Came>, InheritError> {
    let mut found: BTreeMap<CallName, Came> =
        calls.iter().map(|call| (call.name.clone(), Came::default())).collect();
    let (from, to) = range(cluster, calls).await?;
    let mut reading = read(cluster, registry, &from, &to).await?;
    while let Some(batch) = reading.next().await {
        for item in batch?.items() {
            let Item::Event(event) = item else { continue };
            if event.envelope.source() != SOURCE {
                continue;
            }
            let Ok(About { call_source, call_id }) = event.decode() else { continue };
            let Some(came) = found.get_mut(&CallName { source: call_source, id: call_id }) else { continue };
            match event.envelope.event_type() {
                "tool.call.started" => {
                    let attempt = event.typed::<CallStarted>().map_or(0, |started| started.attempt);
                    came.started = came.started.max(Some(attempt));
                }
                "tool.call.authorized" => {}
                _ => came.has_ended = true,
            }
        }
    }
    Ok(found)
}

/// From the first of these calls to the end, in each of their partitions.
async fn range(cluster: &Cluster, calls: &[&Call]) -> Result<(Frontier, Frontier), InheritError> {
    let topic = cluster.topic(TOPIC)?;
    let ends = end_frontier(cluster, std::slice::from_ref(&topic)).await?;
    let (mut from, mut to) = (Frontier::new(), Frontier::new());
    for call in calls {
        let (partition, offset) = (Partition::new(call.partition)?, Offset::new(call.offset)?);
        let first = from.get(&topic, partition).map_or(offset, |known| known.min(offset));
        from.set(topic.clone(), partition, first);
        if let Some(end) = ends.get(&topic, partition) {
            to.set(topic.clone(), partition, end);
        }
    }
    Ok((from, to))
}
