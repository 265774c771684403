//! Whether a generation has come to where the serving one stands, so that readers never go back in time.

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_event::{Frontier, Offset, Partition, TopicName};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use tokio::time::{Instant, sleep};

use super::error::{Behind, SwapError, SwapOptions};
use crate::checkpoint::place;
use crate::compare::{FrontierDifference, frontier, frontier_differences};
use crate::generation::Generation;

/// How often is looked while nobody is held up.
const LOOK: Duration = Duration::from_millis(50);
/// How often is looked while the serving generation is held.
const LOOK_WHILE_HELD: Duration = Duration::from_millis(10);
/// How long the serving generation is held for the other one to catch up.
const HOLD_LIMIT: Duration = Duration::from_secs(1);

/// How a generation stands to the serving one.
pub(super) enum Reach {
    /// At or past it everywhere; the serving one's frontier.
    Reached(Frontier),
    /// Behind it in some partitions.
    Behind(Vec<Behind>),
}

/// Waits until the generation has come to where the serving one stands at the beginning of the wait. Holds nothing.
pub(super) async fn wait_until_near(
    pool: &PgPool,
    serving: &Generation,
    generation: &Generation,
    options: &SwapOptions,
) -> Result<(), SwapError> {
    let failed = |source| database(generation, source);
    let deadline = Instant::now() + options.patience;
    let mut connection = pool.acquire().await.map_err(failed)?;
    let wanted = frontier(&mut connection, serving).await.map_err(failed)?;
    loop {
        let found = frontier(&mut connection, generation).await.map_err(failed)?;
        let wanted = comparable(generation, serving, &wanted, &found)?;
        let partitions = behind(&wanted, &found);
        if partitions.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let partitions = with_reasons(&mut connection, generation, partitions).await.map_err(failed)?;
            let (read_model, number) = (generation.read_model.clone(), generation.number);
            return Err(SwapError::Behind { read_model, number, partitions });
        }
        sleep(LOOK).await;
    }
}

/// Holds the serving generation where it is and waits, for a moment, until the other has come there; then holds that
/// one too. Both are let go of with the transaction.
pub(super) async fn hold(
    connection: &mut PgConnection,
    serving: &Generation,
    generation: &Generation,
) -> Result<Reach, SwapError> {
    let failed = |source| database(generation, source);
    lock(connection, serving).await.map_err(failed)?;
    let serving_frontier = frontier(connection, serving).await.map_err(failed)?;
    let deadline = Instant::now() + HOLD_LIMIT;
    loop {
        let found = frontier(connection, generation).await.map_err(failed)?;
        let wanted = comparable(generation, serving, &serving_frontier, &found)?;
        let partitions = behind(&wanted, &found);
        if partitions.is_empty() {
            lock(connection, generation).await.map_err(failed)?;
            return Ok(Reach::Reached(serving_frontier));
        }
        if Instant::now() >= deadline {
            let partitions = with_reasons(connection, generation, partitions).await.map_err(failed)?;
            return Ok(Reach::Behind(partitions));
        }
        sleep(LOOK_WHILE_HELD).await;
    }
}

async fn lock(connection: &mut PgConnection, generation: &Generation) -> Result<(), sqlx::Error> {
    let sql = "SELECT 1 FROM {generation}.checkpoint ORDER BY topic, partition FOR SHARE";
    sqlx::query(AssertSqlSafe(generation.fill(sql))).fetch_all(connection).await.map(|_| ())
}

/// What of the serving frontier the other generation is to reach: of the same topics, and not of those that another
/// version of the fold does not read any more.
fn comparable(
    generation: &Generation,
    serving: &Generation,
    wanted: &Frontier,
    found: &Frontier,
) -> Result<Frontier, SwapError> {
    let is_other = |one: &FrontierDifference| matches!(one, FrontierDifference::Topic { .. });
    let topics: Vec<_> = frontier_differences(wanted, found).into_iter().filter(is_other).collect();
    if !topics.is_empty() {
        let (read_model, number) = (generation.read_model.clone(), generation.number);
        return Err(SwapError::OtherTopics { read_model, number, topics });
    }
    let other_version = generation.fold_version != serving.fold_version && !found.is_empty();
    let is_read = |topic: &TopicName| !other_version || found.topic_id(topic).is_some();
    let places = wanted.iter().filter(|(topic, ..)| is_read(topic));
    Ok(places.map(|(topic, partition, next)| (topic.clone(), partition, next)).collect())
}

fn behind(wanted: &Frontier, found: &Frontier) -> Vec<Behind> {
    let places = wanted.iter().map(|(topic, partition, wanted)| Behind {
        topic: topic.clone(),
        partition,
        wanted,
        found: found.get(topic, partition).unwrap_or(Offset::ZERO),
        standing: None,
    });
    places.filter(|one| one.found < one.wanted).collect()
}

/// Says of each partition why it does not come nearer, as far as that is known.
async fn with_reasons(
    connection: &mut PgConnection,
    generation: &Generation,
    mut partitions: Vec<Behind>,
) -> Result<Vec<Behind>, sqlx::Error> {
    let query = "SELECT topic, partition, heartbeat_at > now() - interval '10 seconds' AS alive, \
                        CASE WHEN state = 'stopped' THEN concat_ws(': ', reason_class, reason) END AS stopped \
                   FROM brainops.progress WHERE read_model = $1 AND generation = $2";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    let mut seen: BTreeMap<(TopicName, Partition), (bool, Option<String>)> = BTreeMap::new();
    for row in query.fetch_all(connection).await? {
        seen.insert(place(&row)?, (row.try_get("alive")?, row.try_get("stopped")?));
    }
    for one in &mut partitions {
        one.standing = match seen.remove(&(one.topic.clone(), one.partition)) {
            Some((_, Some(stopped))) => Some(format!("it stands: {stopped}")),
            Some((true, None)) => None,
            Some((false, None)) | None => Some("nobody follows it".to_owned()),
        };
    }
    Ok(partitions)
}

fn database(generation: &Generation, source: sqlx::Error) -> SwapError {
    let read_model = generation.read_model.clone();
    SwapError::Database { read_model, what: "read the checkpoints", source }
}
