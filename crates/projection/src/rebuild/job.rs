//! What Postgres says of a rebuild: its state, and which partition is whose.

use std::time::Duration;

use brainops_event::{Frontier, Offset, Partition, Timestamp, TopicId, TopicName};
use sqlx::postgres::types::PgInterval;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{PgPool, Row as _};

use crate::checkpoint::Place;
use crate::generation::{Generation, GenerationKind, ModelName};
use crate::parked::corrupt;
use crate::rebuild::progress::RebuildState;
use crate::sqlstate::is_lock_timeout;
use crate::takeover::{LOOK_AFTER, clear_the_way};

/// A rebuild as it was begun.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) state: RebuildState,
    pub(crate) reason: Option<String>,
    pub(crate) goal: Frontier,
    pub(crate) happened_to: Option<Timestamp>,
    /// Whether it began with the rows of another generation, and is folded on from there.
    pub(crate) has_base: bool,
}

/// One partition that this process works on.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) place: Place,
    pub(crate) topic_id: TopicId,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
    pub(crate) buckets: u32,
    pub(crate) epoch: i64,
}

/// Reads a rebuild; `None` when there is none of this generation.
pub(crate) async fn job(pool: &PgPool, generation: &Generation) -> Result<Option<Job>, sqlx::Error> {
    let query = "SELECT state, reason, goal, happened_to, base IS NOT NULL AS has_base FROM brainops.rebuild WHERE read_model = $1 AND generation = $2";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    query.fetch_optional(pool).await?.map(|row| job_of(&row)).transpose()
}

fn job_of(row: &PgRow) -> Result<Job, sqlx::Error> {
    let state: &str = row.try_get("state")?;
    let goal: sqlx::types::Json<Frontier> = row.try_get("goal")?;
    Ok(Job {
        state: RebuildState::from_name(state)
            .ok_or_else(|| corrupt(format!("no rebuild has the state {state}")))?,
        reason: row.try_get("reason")?,
        goal: goal.0,
        happened_to: row.try_get("happened_to")?,
        has_base: row.try_get("has_base")?,
    })
}

/// Takes a partition that nobody works on.
pub(crate) async fn claim(
    pool: &PgPool,
    generation: &Generation,
    worker: &str,
    lease: Duration,
) -> Result<Option<Unit>, sqlx::Error> {
    let row = sqlx::query(include_str!("../sql/rebuild/claim.sql"))
        .bind(generation.read_model.as_str())
        .bind(generation.number)
        .bind(worker)
        .bind(interval(lease))
        .fetch_optional(pool)
        .await?;
    row.map(|row| unit(&row)).transpose()
}

fn unit(row: &PgRow) -> Result<Unit, sqlx::Error> {
    let offset = |column| Offset::new(row.try_get(column)?).map_err(corrupt);
    let topic = TopicName::new(row.try_get("topic")?).map_err(corrupt)?;
    let partition = Partition::new(row.try_get("partition")?).map_err(corrupt)?;
    Ok(Unit {
        place: (topic, partition),
        topic_id: TopicId::new(row.try_get::<&str, _>("topic_id")?).map_err(corrupt)?,
        from: offset("from_offset")?,
        to: offset("to_offset")?,
        buckets: u32::try_from(row.try_get::<i32, _>("buckets")?).map_err(corrupt)?,
        epoch: row.try_get("epoch")?,
    })
}

/// Makes way to a partition whose lease is over and which a transaction still holds: its process was stopped in the
/// middle of writing. Like every takeover, it ends transactions of ours that are older than some seconds, and waits for
/// anybody else's.
pub(crate) async fn free_expired(pool: &PgPool, generation: &Generation) -> Result<(), sqlx::Error> {
    let begin = "BEGIN; SET LOCAL lock_timeout = '7s'";
    let mut transaction = pool.begin_with(begin).await?;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *transaction).await?;
    let query = "SELECT 1 FROM brainops.rebuild_unit \
                  WHERE read_model = $1 AND generation = $2 AND state <> 'done' AND lease_until < now() \
                  ORDER BY topic, partition LIMIT 1 FOR UPDATE";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    let waiting = query.fetch_optional(&mut *transaction);
    let clearing = async {
        tokio::time::sleep(LOOK_AFTER).await;
        clear_the_way(pool, generation, pid).await;
        std::future::pending().await
    };
    let freed = tokio::select! {
        freed = waiting => freed.map(|_| ()),
        never = clearing => match never {},
    };
    match freed {
        Err(error) if !is_lock_timeout(&error) => Err(error),
        _ => transaction.rollback().await,
    }
}

/// Says how far partitions are and keeps them for this process; answers with those that are not its own any more.
pub(crate) async fn renew(
    pool: &PgPool,
    generation: &Generation,
    units: &[(Unit, Offset)],
    lease: Duration,
) -> Result<Vec<Place>, sqlx::Error> {
    let query = "UPDATE brainops.rebuild_unit AS unit \
                    SET lease_until = now() + $3::interval, read_to = greatest(unit.read_to, mine.read_to) \
                   FROM UNNEST($4::text[], $5::integer[], $6::bigint[], $7::bigint[]) AS mine (topic, partition, epoch, read_to) \
                  WHERE unit.read_model = $1 AND unit.generation = $2 \
                    AND unit.topic = mine.topic AND unit.partition = mine.partition AND unit.epoch = mine.epoch \
                 RETURNING unit.topic, unit.partition";
    let rows = sqlx::query(query)
        .bind(generation.read_model.as_str())
        .bind(generation.number)
        .bind(interval(lease))
        .bind(units.iter().map(|(unit, _)| unit.place.0.as_str()).collect::<Vec<_>>())
        .bind(units.iter().map(|(unit, _)| unit.place.1.get()).collect::<Vec<_>>())
        .bind(units.iter().map(|(unit, _)| unit.epoch).collect::<Vec<_>>())
        .bind(units.iter().map(|(_, read_to)| read_to.get()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    let kept: Vec<Place> = rows.iter().map(crate::checkpoint::place).collect::<Result<_, _>>()?;
    let lost = units.iter().filter(|(unit, _)| !kept.contains(&unit.place));
    Ok(lost.map(|(unit, _)| unit.place.clone()).collect())
}

/// Gives a partition back, so that the next who asks need not wait for the lease to end.
pub(crate) async fn give_back(
    pool: &PgPool,
    generation: &Generation,
    unit: &Unit,
) -> Result<(), sqlx::Error> {
    let query = "UPDATE brainops.rebuild_unit SET lease_until = NULL \
                  WHERE read_model = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND epoch = $5";
    bind_unit(sqlx::query(query), generation, unit).execute(pool).await.map(|_| ())
}

/// Holds a partition until the transaction ends: false when it is not this process's own any more. Nobody can take it
/// meanwhile; its lease can be renewed, however long what is written waits for a lock.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    generation: &Generation,
    unit: &Unit,
) -> Result<bool, sqlx::Error> {
    let query = "SELECT 1 FROM brainops.rebuild_unit \
                  WHERE read_model = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND epoch = $5 FOR KEY SHARE";
    Ok(bind_unit(sqlx::query(query), generation, unit).fetch_optional(connection).await?.is_some())
}

/// Says what is done with a partition now.
pub(crate) async fn set_state(
    pool: &PgPool,
    generation: &Generation,
    unit: &Unit,
    state: &str,
) -> Result<bool, sqlx::Error> {
    let query = "UPDATE brainops.rebuild_unit SET state = $6 \
                  WHERE read_model = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND epoch = $5";
    Ok(bind_unit(sqlx::query(query), generation, unit).bind(state).execute(pool).await?.rows_affected() == 1)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds the first five parameters: which partition, of which owner.
pub(crate) fn bind_unit<'q>(query: Query<'q>, generation: &'q Generation, unit: &'q Unit) -> Query<'q> {
    let query = query.bind(generation.read_model.as_str()).bind(generation.number);
    query.bind(unit.place.0.as_str()).bind(unit.place.1.get()).bind(unit.epoch)
}

/// Buckets of a partition whose rows are written.
pub(crate) async fn done_buckets(
    pool: &PgPool,
    generation: &Generation,
    unit: &Unit,
) -> Result<Vec<u32>, sqlx::Error> {
    let query = "SELECT bucket FROM brainops.rebuild_bucket \
                  WHERE read_model = $1 AND generation = $2 AND topic = $3 AND partition = $4";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    let rows = query.bind(unit.place.0.as_str()).bind(unit.place.1.get()).fetch_all(pool).await?;
    rows.iter().map(|row| u32::try_from(row.try_get::<i32, _>(0)?).map_err(corrupt)).collect()
}

/// Whether all partitions of a rebuild are folded.
pub(crate) async fn all_done(pool: &PgPool, generation: &Generation) -> Result<bool, sqlx::Error> {
    let query = "SELECT NOT EXISTS (SELECT FROM brainops.rebuild_unit \
                                     WHERE read_model = $1 AND generation = $2 AND state <> 'done')";
    let query = sqlx::query_scalar(query).bind(generation.read_model.as_str()).bind(generation.number);
    query.fetch_one(pool).await
}

/// Ends or pauses a rebuild, unless it has ended.
pub(crate) async fn set_rebuild_state(
    pool: &PgPool,
    generation: &Generation,
    state: RebuildState,
    reason: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let query = "UPDATE brainops.rebuild \
                    SET state = $3, reason = $4, \
                        finished_at = CASE WHEN $3 IN ('cancelled', 'failed') THEN now() END \
                  WHERE read_model = $1 AND generation = $2 AND state IN ('running', 'paused')";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    Ok(query.bind(state.as_str()).bind(reason).execute(pool).await?.rows_affected() == 1)
}

fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}

/// Generations of a read model and a version of its fold that are to be folded, and that nobody has paused.
///
/// # Errors
/// When the database does not answer.
pub async fn to_be_worked_on(
    pool: &PgPool,
    read_model: &str,
    fold_version: u32,
) -> Result<Vec<Generation>, sqlx::Error> {
    let query = "SELECT known.generation, known.kind FROM brainops.rebuild AS job \
                   JOIN brainops.generation AS known USING (read_model, generation) \
                  WHERE read_model = $1 AND known.fold_version = $2 AND known.state = 'building' AND job.state = 'running' \
                    AND known.kind <> 'check' \
                  ORDER BY known.kind DESC, known.generation"; // moments first: somebody waits for them
    let query = sqlx::query(query).bind(read_model).bind(i32::try_from(fold_version).unwrap_or(i32::MAX));
    let rows = query.fetch_all(pool).await?;
    let generation = |row: &PgRow| {
        let kind: &str = row.try_get("kind")?;
        Ok(Generation {
            read_model: ModelName::new(read_model).map_err(corrupt)?,
            number: row.try_get("generation")?,
            fold_version: i32::try_from(fold_version).unwrap_or(i32::MAX),
            kind: GenerationKind::from_name(kind).ok_or_else(|| corrupt(format!("no kind is {kind}")))?,
        })
    };
    rows.iter().map(generation).collect()
}
