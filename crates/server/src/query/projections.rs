//! `GET /projections`: every read model that is served, how far it is, and why a partition of it stands.
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use brainops_event::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::freshness::{Freshness, PartitionFreshness};
use super::params::Params;
use super::{show, snapshot};
use crate::doors::Doors;
use crate::fault::database_problem;
use crate::problem::Problem;

const GENERATIONS: &str = include_str!("../../queries/generations.sql");
const PROGRESS: &str = include_str!("../../queries/progress.sql");

/// A generation that is served.
#[derive(Debug, sqlx::FromRow)]
struct Generation {
    read_model: String,
    generation: i32,
    fold_version: i32,
    created_at: Timestamp,
}

/// One partition of it.
#[derive(Debug, sqlx::FromRow)]
struct Progress {
    reason_class: Option<String>,
    reason: Option<String>,
    at_position: Option<String>,
    #[sqlx(flatten)]
    freshness: PartitionFreshness,
}

/// A partition that does not go on, and why.
#[derive(Debug, Serialize)]
struct Stopped {
    topic: String,
    partition: i32,
    reason_class: Option<String>,
    reason: Option<String>,
    at_position: Option<String>,
}

/// One read model.
#[derive(Debug, Serialize)]
struct ReadModel {
    read_model: String,
    fold_version: i32,
    #[serde(serialize_with = "show::moment")]
    created_at: Timestamp,
    /// `running`, `stopped` when a partition is, or `unknown` when nobody has been heard of.
    state: &'static str,
    stopped: Vec<Stopped>,
    /// Offsets not yet applied, at most; null when nobody has measured.
    lag_offsets: Option<i64>,
    #[serde(flatten)]
    freshness: Freshness,
}

/// The door. The frontier stands with each read model, since each has its own.
pub async fn list(State(doors): State<Arc<Doors>>, uri: Uri) -> Result<Response, Problem> {
    Params::of(&uri, &[])?;
    let failed = |error| database_problem(&error);
    let mut transaction = snapshot(&doors.pool).await?;
    let generations: Vec<Generation> =
        sqlx::query_as(GENERATIONS).fetch_all(&mut *transaction).await.map_err(failed)?;
    let mut rows = Vec::new();
    for generation in generations {
        let partitions = partitions(&mut transaction, &generation.read_model).await.map_err(failed)?;
        let now = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        rows.push(ReadModel::of(generation, partitions, now)?);
    }
    Ok(Json(serde_json::json!({ "rows": rows })).into_response())
}

/// The partitions of a read model, with the frontier of its own checkpoints.
async fn partitions(
    transaction: &mut Transaction<'static, Postgres>,
    read_model: &str,
) -> Result<Vec<Progress>, sqlx::Error> {
    // The name becomes a part of SQL, so it must look like the names that read models are given.
    if !read_model.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
        return Err(sqlx::Error::Protocol("a read model has a name that no schema has".to_owned()));
    }
    let query = AssertSqlSafe(PROGRESS.replace("{schema}", read_model));
    sqlx::query_as(query).bind(read_model).fetch_all(&mut **transaction).await
}

impl ReadModel {
    fn of(generation: Generation, progress: Vec<Progress>, now: Timestamp) -> Result<Self, Problem> {
        let (mut partitions, mut stopped) = (Vec::new(), Vec::new());
        for Progress { reason_class, reason, at_position, freshness } in progress {
            if freshness.state.as_deref() == Some("stopped") {
                let (topic, partition) = (freshness.topic.clone(), freshness.partition);
                stopped.push(Stopped { topic, partition, reason_class, reason, at_position });
            }
            partitions.push(freshness);
        }
        let mut freshness = Freshness::of(&partitions, now)?;
        freshness.generation = Some(generation.generation);
        let state = match (stopped.is_empty(), freshness.lag_unknown.is_none()) {
            (false, _) => "stopped",
            (true, true) => "running",
            (true, false) => "unknown",
        };
        Ok(Self {
            read_model: generation.read_model,
            fold_version: generation.fold_version,
            created_at: generation.created_at,
            state,
            stopped,
            lag_offsets: partitions.iter().map(|partition| partition.lag_offsets).sum(),
            freshness,
        })
    }
}
