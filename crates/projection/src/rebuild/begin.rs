//! Begins a rebuild: what is to be folded, into which empty tables.

use std::collections::BTreeSet;

use brainops_event::{Frontier, Offset, Timestamp, TopicName};
use brainops_log::{end_frontier, start_frontier};
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use super::error::{RebuildError, Underway, in_database};
use super::indexes::take_off;
use super::work::Workshop;
use crate::generation::{Generation, GenerationKind, ModelName};
use crate::install::{create, offered_version};
use crate::lineage::{GenerationState, generations_of};
use crate::model::ReadModel;
use crate::run::scope;
use crate::sort::Scope;

/// The most buckets of a partition.
const MOST_BUCKETS: i64 = 512;

/// What is to be folded.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the generation is for.
    pub kind: GenerationKind,
    /// Up to where; `None`: up to the end of the log as it is now. Partitions that it does not name are not folded.
    pub goal: Option<Frontier>,
    /// Only events that happened until then; `None`: all.
    pub happened_to: Option<Timestamp>,
    /// Opaque id of who asks.
    pub made_by: Option<String>,
    /// When the generation may be dropped; `None`: it is kept.
    pub expires_at: Option<Timestamp>,
    /// How a past moment was asked for, for people.
    pub moment: Option<Value>,
}

impl Request {
    /// The next generation of the lineage, from all of history.
    pub fn next(made_by: Option<String>) -> Self {
        let (kind, goal, happened_to) = (GenerationKind::Lineage, None, None);
        Self { kind, goal, happened_to, made_by, expires_at: None, moment: None }
    }
}

/// Makes the tables of the next generation, empty and without indexes, and says what is to be folded into them. Nothing
/// is folded yet: [`work_on_rebuild`](super::work_on_rebuild) does that, here or elsewhere.
///
/// # Errors
/// [`RebuildError`]: another rebuild is under way, the log is not the one that was folded, or has lost its beginning,
/// or the goal lies outside of it.
pub async fn begin_rebuild<M: ReadModel>(
    model: &M,
    shop: &Workshop,
    request: Request,
) -> Result<Generation, RebuildError> {
    let read_model = ModelName::new(model.name())?;
    let pool = &shop.pool;
    let failed = |what| in_database(&read_model, what);
    let unnumbered = Generation::of_lineage(read_model.clone(), 1, offered_version(model));
    let scope = scope(model, &shop.log, &unnumbered)?;
    let (start, goal) = bounds(shop, &read_model, &scope, request.goal.clone()).await?;

    let mut transaction = pool.begin().await.map_err(failed("begin a rebuild"))?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('brainops.install.' || $1, 0))";
    let locked = sqlx::query(lock).bind(read_model.as_str()).execute(&mut *transaction).await;
    locked.map_err(failed("wait for another installation"))?;
    let known =
        generations_of(&mut transaction, &read_model).await.map_err(failed("read the generations"))?;
    let Some(serving) = known.iter().find(|one| one.state == GenerationState::Serving) else {
        return Err(RebuildError::NotInstalled { read_model });
    };
    same_topics(&mut transaction, &serving.generation, &goal).await?;
    if request.kind == GenerationKind::Lineage {
        let other = underway_in(&mut transaction, &read_model).await.map_err(failed("read the rebuilds"))?;
        if let Some(other) = other {
            return Err(RebuildError::Underway(other));
        }
    }
    let number = known.iter().map(|one| one.generation.number).max().unwrap_or_default() + 1;
    let fold_version = offered_version(model);
    let generation = Generation { read_model: read_model.clone(), number, fold_version, kind: request.kind };
    let plan = Plan { generation: &generation, scope: &scope, start, goal, shop };
    let begun = write(&mut transaction, model, &plan, &request).await;
    begun.map_err(failed("make the tables"))?;
    transaction.commit().await.map_err(failed("commit the beginning of a rebuild"))?;
    tracing::info!(projector.name = %read_model, generation = number, "a rebuild has begun");
    Ok(generation)
}

/// Where each partition that is folded, or says decisions, begins; and where it is folded up to.
pub(crate) async fn bounds(
    shop: &Workshop,
    read_model: &ModelName,
    scope: &Scope,
    goal: Option<Frontier>,
) -> Result<(Frontier, Frontier), RebuildError> {
    let topics: Vec<TopicName> = scope.topics();
    let (start, end) = (start_frontier(&shop.log, &topics).await?, end_frontier(&shop.log, &topics).await?);
    let given = goal.unwrap_or_else(|| end.clone());
    // Before anything else is held against it: the offsets of another log say nothing.
    for topic in &topics {
        let (Some(found), Some(folded)) = (end.topic_id(topic), given.topic_id(topic)) else { continue };
        if found != folded {
            let (topic, folded, found) = (topic.clone(), folded.clone(), found.clone());
            return Err(RebuildError::OtherTopic { topic, folded, found });
        }
    }
    for (topic, partition, wanted) in given.iter() {
        let topic = topic.clone();
        match end.get(&topic, partition) {
            None => {
                let (read_model, folded) = (read_model.clone(), topics);
                return Err(RebuildError::NotFolded { read_model, topic, partition, folded });
            }
            Some(end) if wanted > end => {
                return Err(RebuildError::BeyondTheEnd { topic, partition, wanted, end });
            }
            Some(_) => {}
        }
    }
    let mut goal = Frontier::new();
    for (topic, partition, low) in start.iter() {
        let to = given.get(topic, partition).unwrap_or(low).max(low);
        goal.set(topic.clone(), partition, to);
        if low > Offset::ZERO {
            return Err(RebuildError::HistoryGone { topic: topic.clone(), partition, low });
        }
    }
    for topic in &topics {
        if let Some(found) = end.topic_id(topic) {
            goal.set_topic_id(topic.clone(), found.clone());
        }
    }
    Ok((start, goal))
}

/// The topics must be those that the serving generation was folded from.
async fn same_topics(
    connection: &mut PgConnection,
    serving: &Generation,
    goal: &Frontier,
) -> Result<(), RebuildError> {
    let sql = serving.fill("SELECT DISTINCT topic, topic_id FROM {generation}.checkpoint");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await;
    let rows = rows.map_err(in_database(&serving.read_model, "read the checkpoints"))?;
    let folded: BTreeSet<(String, String)> =
        rows.iter().filter_map(|row| Some((row.try_get(0).ok()?, row.try_get(1).ok()?))).collect();
    for (topic, folded) in folded {
        let Ok(topic) = TopicName::new(topic.as_str()) else { continue };
        let Some(found) = goal.topic_id(&topic).filter(|found| found.as_str() != folded) else { continue };
        if let Ok(folded) = brainops_event::TopicId::new(folded) {
            let found = found.clone();
            return Err(RebuildError::OtherTopic { topic, folded, found });
        }
    }
    Ok(())
}

/// What is to be folded, and into which generation.
struct Plan<'a> {
    generation: &'a Generation,
    scope: &'a Scope,
    start: Frontier,
    goal: Frontier,
    shop: &'a Workshop,
}

/// Refuses when the topics are not those that the serving generation was folded from. Without one, nothing is known.
pub(crate) async fn refuse_other_topics(
    shop: &Workshop,
    read_model: &ModelName,
    topics: &[TopicName],
) -> Result<(), RebuildError> {
    let found = end_frontier(&shop.log, topics).await?;
    let failed = |what| in_database(read_model, what);
    let mut connection = shop.pool.acquire().await.map_err(failed("connect for a past moment"))?;
    let known = generations_of(&mut connection, read_model).await.map_err(failed("read the generations"))?;
    match known.iter().find(|one| one.state == GenerationState::Serving) {
        Some(serving) => same_topics(&mut connection, &serving.generation, &found).await,
        None => Ok(()),
    }
}

async fn write<M: ReadModel>(
    connection: &mut PgConnection,
    model: &M,
    plan: &Plan<'_>,
    request: &Request,
) -> Result<(), sqlx::Error> {
    let Plan { generation, scope, start, goal, shop } = plan;
    create(&mut *connection, generation, model, GenerationState::Building).await?;
    take_off(&mut *connection, generation).await?;
    let told = "UPDATE brainops.generation SET made_by = $3, expires_at = $4, moment = $5 WHERE read_model = $1 AND generation = $2";
    let told = sqlx::query(told).bind(generation.read_model.as_str()).bind(generation.number);
    let told = told.bind(&request.made_by).bind(request.expires_at).bind(request.moment.as_ref().map(Json));
    told.execute(&mut *connection).await?;
    let job = "INSERT INTO brainops.rebuild (read_model, generation, state, goal, happened_to, started_by) \
               VALUES ($1, $2, 'running', $3, $4, $5)";
    let job = sqlx::query(job).bind(generation.read_model.as_str()).bind(generation.number);
    let job = job.bind(Json(goal)).bind(request.happened_to).bind(&shop.worker);
    job.execute(&mut *connection).await?;
    for (topic, partition, from) in start.iter().filter(|(topic, ..)| scope.folded.contains(topic)) {
        let Some(to) = goal.get(topic, partition) else { continue };
        let buckets =
            ((to.get() - from.get()) / shop.pace.offsets_per_bucket.max(1) + 1).clamp(1, MOST_BUCKETS);
        let unit = "INSERT INTO brainops.rebuild_unit (read_model, generation, topic, partition, topic_id, from_offset, to_offset, read_to, buckets, state) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8, CASE WHEN $6 = $7 THEN 'done' ELSE 'waiting' END)";
        let unit = sqlx::query(unit).bind(generation.read_model.as_str()).bind(generation.number);
        let unit = unit.bind(topic.as_str()).bind(partition.get());
        let unit = unit.bind(goal.topic_id(topic).map(brainops_event::TopicId::as_str));
        let buckets = i32::try_from(buckets).unwrap_or(1);
        unit.bind(from.get()).bind(to.get()).bind(buckets).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The rebuild of a read model's lineage that is under way, if one is.
///
/// # Errors
/// When the database does not answer.
pub async fn underway(pool: &PgPool, read_model: &ModelName) -> Result<Option<Underway>, sqlx::Error> {
    underway_in(&mut *pool.acquire().await?, read_model).await
}

async fn underway_in(
    connection: &mut PgConnection,
    read_model: &ModelName,
) -> Result<Option<Underway>, sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/rebuild/underway.sql")).bind(read_model.as_str());
    query.fetch_optional(connection).await?.map(|row| of_row(&row, read_model)).transpose()
}

fn of_row(row: &PgRow, read_model: &ModelName) -> Result<Underway, sqlx::Error> {
    let (number, fold_version) = (row.try_get("generation")?, row.try_get("fold_version")?);
    Ok(Underway {
        generation: Generation::of_lineage(read_model.clone(), number, fold_version),
        started_by: row.try_get("started_by")?,
        started_at: row.try_get("started_at")?,
        is_worked_on: row.try_get("is_worked_on")?,
        is_paused: row.try_get("is_paused")?,
    })
}
