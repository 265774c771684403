//! How the read models are. Rows and checkpoints are Postgres's to tell; how far they are behind is measured against
//! the log itself, because what a follower last wrote about it may be a second old, or a week.

use anyhow::Context as _;
use brainops_event::{Frontier, Offset, Partition, TopicName};
use brainops_log::{Cluster, PartitionLag, lag, start_frontier};
use brainops_projection::{AnyReadModel, Generation, RunState, Status, TableRows, list, serving, status};
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool};

use crate::context::topic_names;
use crate::read_models;

const PARTITIONS: &str = include_str!("../../queries/partitions.sql");
/// The class of a stop that is no fault: the follower was shut down.
const SHUT_DOWN: &str = "ShutDown";

/// One read model.
#[derive(Debug, Serialize)]
pub struct Model {
    /// Its name.
    pub read_model: String,
    /// The generation that is served.
    pub generation: i32,
    /// The version of the fold that fills it.
    pub fold_version: i32,
    /// The version that this program folds with; another one than above: this program does not follow what is served, and
    /// a rebuild makes what it follows. Null when it has no such read model.
    pub program_fold_version: Option<u32>,
    /// Whether it is followed.
    pub state: ModelState,
    /// Why it has stopped.
    pub reasons: Vec<String>,
    /// Rows of all its tables.
    pub rows: i64,
    /// Rows of each.
    pub tables: Vec<TableRows>,
    /// Records that were set aside.
    pub parked: i64,
    /// Offsets that are not in the rows; null when the log did not answer.
    pub lag_offsets: Option<u64>,
    /// Age of the oldest record that is not in the rows, seconds; null when the log did not answer.
    pub lag_seconds: Option<f64>,
}

/// Whether a read model is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// All its partitions are.
    Running,
    /// A partition stands by a fault.
    Stopped,
    /// No process follows it now.
    NotFollowed,
}

/// One partition of a read model.
#[derive(Debug, Serialize)]
pub struct Place {
    /// Full name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// The first offset that is not in the rows.
    pub next_offset: i64,
    /// Offsets that are not in the rows; null when the log did not answer.
    pub lag_offsets: Option<u64>,
    /// Age of the oldest record that is not in the rows, seconds; null when the log did not answer.
    pub lag_seconds: Option<f64>,
    /// `running`, `stopped`, or null when nobody has followed it.
    pub state: Option<String>,
    /// Why it has stopped, if it has.
    pub reason: Option<String>,
}

/// A partition as Postgres knows it.
#[derive(Debug, sqlx::FromRow)]
struct Followed {
    topic: String,
    partition: i32,
    next_offset: i64,
    state: Option<String>,
    reason_class: Option<String>,
    reason: Option<String>,
}

/// All read models that are installed.
pub async fn all(pool: &PgPool, cluster: &Cluster) -> anyhow::Result<Vec<Model>> {
    let listed = list(pool).await.context("the read models cannot be listed; was `brainops init` run?")?;
    let (mut models, mut answers) = (Vec::new(), true);
    for status in listed {
        let generation = serving(pool, &status.read_model).await?;
        // A log that does not answer once is not waited for again.
        let model = with_lag(pool, answers.then_some(cluster), &generation, status).await?;
        answers = model.lag_offsets.is_some();
        models.push(model);
    }
    Ok(models)
}

/// One of them.
pub async fn one(pool: &PgPool, cluster: &Cluster, generation: &Generation) -> anyhow::Result<Model> {
    let status = status(pool, generation).await.context("the read model cannot be read")?;
    with_lag(pool, Some(cluster), generation, status).await
}

async fn with_lag(
    pool: &PgPool,
    cluster: Option<&Cluster>,
    generation: &Generation,
    status: Status,
) -> anyhow::Result<Model> {
    let lags = match cluster {
        Some(cluster) => lags(cluster, generation, &followed(pool, generation).await?).await,
        None => None,
    };
    let Status { read_model, generation, fold_version, tables, parked, state, reasons, .. } = status;
    let program_fold_version = read_models::named(&read_model).ok().map(|model| model.fold_version());
    Ok(Model {
        program_fold_version,
        read_model,
        generation,
        fold_version,
        state: ModelState::of(state, &reasons),
        reasons: reasons.into_iter().filter(|reason| !reason.starts_with(SHUT_DOWN)).collect(),
        rows: tables.iter().map(|table| table.rows).sum(),
        tables,
        parked,
        lag_offsets: lags.as_deref().map(|lags| lags.iter().map(|lag| lag.offsets).sum()),
        lag_seconds: lags.as_deref().map(|lags| lags.iter().map(|lag| lag.seconds).fold(0.0, f64::max)),
    })
}

impl ModelState {
    fn of(state: RunState, reasons: &[String]) -> ModelState {
        let is_fault = reasons.iter().any(|reason| !reason.starts_with(SHUT_DOWN));
        match state {
            RunState::Running => ModelState::Running,
            RunState::Stopped if is_fault => ModelState::Stopped,
            RunState::Stopped | RunState::NotFollowed => ModelState::NotFollowed,
        }
    }
}

/// The partitions of a read model.
pub async fn places(pool: &PgPool, cluster: &Cluster, generation: &Generation) -> anyhow::Result<Vec<Place>> {
    let followed = followed(pool, generation).await?;
    let lags = lags(cluster, generation, &followed).await.unwrap_or_default();
    let place = |followed: Followed| {
        let lag = lags
            .iter()
            .find(|lag| lag.topic.as_str() == followed.topic && lag.partition.get() == followed.partition);
        let reason = followed.reason_class.into_iter().chain(followed.reason);
        Place {
            topic: followed.topic,
            partition: followed.partition,
            next_offset: followed.next_offset,
            lag_offsets: lag.map(|lag| lag.offsets),
            lag_seconds: lag.map(|lag| lag.seconds),
            reason: (followed.state.as_deref() == Some("stopped"))
                .then(|| reason.collect::<Vec<_>>().join(": ")),
            state: followed.state,
        }
    };
    Ok(followed.into_iter().map(place).collect())
}

async fn followed(pool: &PgPool, generation: &Generation) -> anyhow::Result<Vec<Followed>> {
    // The name was checked to be of plain letters, digits and underscores.
    let query = PARTITIONS.replace("{schema}", generation.read_model.as_str());
    sqlx::query_as(AssertSqlSafe(query)).fetch_all(pool).await.context("the progress cannot be read")
}

/// How far each partition is behind; nothing when the log does not answer, which is said on standard error.
async fn lags(
    cluster: &Cluster,
    generation: &Generation,
    followed: &[Followed],
) -> Option<Vec<PartitionLag>> {
    match measure(cluster, generation, followed).await {
        Ok(lags) => Some(lags),
        Err(error) => {
            let model = &generation.read_model;
            tracing::error!(error = %format!("{error:#}"), projector.name = %model, "the lag cannot be measured");
            None
        }
    }
}

async fn measure(
    cluster: &Cluster,
    generation: &Generation,
    followed: &[Followed],
) -> anyhow::Result<Vec<PartitionLag>> {
    let name = generation.read_model.as_str();
    let mut next = match read_models::all().iter().find(|model| model.name() == name) {
        Some(model) => beginning(cluster, model.as_ref()).await?, // of partitions that nobody has begun
        None => Frontier::new(),
    };
    for place in followed {
        let (topic, partition) = (TopicName::new(&place.topic)?, Partition::new(place.partition)?);
        next.set(topic, partition, Offset::new(place.next_offset)?);
    }
    Ok(lag(cluster, &next).await?)
}

async fn beginning(cluster: &Cluster, model: &dyn AnyReadModel) -> anyhow::Result<Frontier> {
    Ok(start_frontier(cluster, &topic_names(cluster, model.topics())?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_was_shut_down_has_not_stopped_by_a_fault() {
        let shut_down = "ShutDown the instance was shut down".to_owned();
        let fault = "ApplyEvent brainops.lead/3@17 no such stage".to_owned();
        for (state, reasons, expected) in [
            (RunState::Running, vec![], ModelState::Running),
            (RunState::NotFollowed, vec![], ModelState::NotFollowed),
            (RunState::Stopped, vec![shut_down.clone()], ModelState::NotFollowed),
            (RunState::Stopped, vec![shut_down, fault], ModelState::Stopped),
        ] {
            assert_eq!(ModelState::of(state, &reasons), expected);
        }
    }
}
