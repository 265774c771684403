//! Ends a rebuild: indexes, checkpoints, decisions; then the generation is ready, in one transaction.

use std::time::Duration;

use brainops_event::Offset;
use brainops_fault::point;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

use super::error::{RebuildError, in_database};
use super::indexes::put_back;
use super::job::{Job, job};
use super::progress::RebuildState;
use super::scratch::remove_scratch;
use super::straight::is_only_appended;
use super::unit::Shared;
use super::work::asked_to;
use crate::catch_up::CatchUp;
use crate::checkpoint::Place;
use crate::decision::{About, DecisionKind, Told};
use crate::generation::{Generation, GenerationKind};
use crate::model::ReadModel;
use crate::moment::open_to_readers;
use crate::told::write;

/// How long until it is looked again whether others have made their indexes.
const LOOK: Duration = Duration::from_millis(200);
/// How often whoever folds on says so.
const BEAT: Duration = Duration::from_secs(5);

/// Ends the rebuild; whoever comes second finds it done.
pub(crate) async fn finish<M: ReadModel>(
    shared: &Shared<M>,
    job: &Job,
    stop: &CancellationToken,
) -> Result<(), RebuildError> {
    let Shared { shop, generation, .. } = shared;
    let failed = |what| in_database(&generation.read_model, what);
    let folded = "UPDATE brainops.rebuild SET folded_at = now() WHERE read_model = $1 AND generation = $2 AND folded_at IS NULL";
    let folded = sqlx::query(folded).bind(generation.read_model.as_str()).bind(generation.number);
    folded.execute(&shop.pool).await.map_err(failed("say that all is folded"))?;
    remove_scratch(shop, generation);
    point("rebuild.folded");
    loop {
        put_back(&shop.pool, generation).await.map_err(failed("make the indexes"))?;
        if stop.is_cancelled() {
            return Err(RebuildError::ShutDown);
        }
        match indexes_left(&shop.pool, generation).await.map_err(failed("read the indexes"))? {
            0 => break,
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    point("rebuild.indexed");
    let is_straight = is_only_appended::<M>() && job.happened_to.is_none();
    if is_straight || job.has_base {
        // Its partitions have checkpoints already; what is left, and what people decided, is folded the way it is live.
        fold_on(shared, job, stop).await?;
    }
    let ready = make_ready(shared, job).await;
    if !ready.map_err(failed("make the generation ready"))? {
        // Others were quicker, or people have paused or ended it in the last moment.
        return as_it_stands(shared).await;
    }
    point("rebuild.ready");
    tracing::info!(projector.name = %generation.read_model, generation = generation.number, "a rebuild is done");
    Ok(())
}

/// Folds on from checkpoints up to the goal, one process at a time: two would take partitions from each other for ever.
/// Whose turn it is holds a lock in a transaction, and says so every few seconds; Postgres ends a transaction that is
/// not heard of, and what its process folds then is not written.
async fn fold_on<M: ReadModel>(
    shared: &Shared<M>,
    job: &Job,
    stop: &CancellationToken,
) -> Result<(), RebuildError> {
    let Shared { shop, generation, model, .. } = shared;
    let failed = |what| in_database(&generation.read_model, what);
    while is_running(shared).await? {
        let mut turn = shop.pool.begin().await.map_err(failed("wait for its turn"))?;
        let ask = "SELECT pg_try_advisory_xact_lock(hashtextextended('brainops.fold_on.' || $1, 0))";
        let asked = sqlx::query_scalar(ask).bind(generation.schema()).fetch_one(&mut *turn).await;
        if asked.map_err(failed("wait for its turn"))? {
            let folding = CatchUp { model, shop, generation };
            return tokio::select! {
                folded = folding.run(&job.goal, |_| {}, stop) => folded,
                lost = keep(&mut turn) => Err(failed("keep its turn")(lost)),
            };
        }
        drop(turn);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return Err(RebuildError::ShutDown),
        }
    }
    Ok(())
}

/// Keeps a transaction open, until it is lost.
async fn keep(connection: &mut PgConnection) -> sqlx::Error {
    loop {
        tokio::time::sleep(BEAT).await;
        if let Err(lost) = sqlx::query("SELECT 1").execute(&mut *connection).await {
            return lost;
        }
    }
}

/// How a rebuild ended that is not running any more.
async fn as_it_stands<M>(shared: &Shared<M>) -> Result<(), RebuildError> {
    let Shared { shop, generation, .. } = shared;
    let found = job(&shop.pool, generation).await;
    match found.map_err(in_database(&generation.read_model, "read the rebuild"))? {
        Some(Job { state: RebuildState::Done, .. }) => Ok(()),
        Some(Job { state, reason, .. }) => Err(asked_to(state, reason)),
        None => Err(asked_to(RebuildState::Cancelled, None)),
    }
}

async fn is_running<M>(shared: &Shared<M>) -> Result<bool, RebuildError> {
    let Shared { shop, generation, .. } = shared;
    let query = "SELECT state = 'running' FROM brainops.rebuild WHERE read_model = $1 AND generation = $2";
    let query = sqlx::query_scalar(query).bind(generation.read_model.as_str()).bind(generation.number);
    query.fetch_one(&shop.pool).await.map_err(in_database(&generation.read_model, "read the rebuild"))
}

async fn indexes_left(pool: &PgPool, generation: &Generation) -> Result<i64, sqlx::Error> {
    let query =
        "SELECT count(*) FROM brainops.rebuild_index WHERE read_model = $1 AND generation = $2 AND NOT done";
    let query = sqlx::query_scalar(query).bind(generation.read_model.as_str()).bind(generation.number);
    query.fetch_one(pool).await
}

/// One transaction: from here on the generation can be followed, compared and served. False when the rebuild is not
/// running any more.
async fn make_ready<M: ReadModel>(shared: &Shared<M>, job: &Job) -> Result<bool, sqlx::Error> {
    let Shared { shop, generation, .. } = shared;
    let mut transaction = shop.pool.begin().await?;
    let lock = "SELECT state FROM brainops.rebuild WHERE read_model = $1 AND generation = $2 FOR UPDATE";
    let lock = sqlx::query_scalar(lock).bind(generation.read_model.as_str()).bind(generation.number);
    let state: String = lock.fetch_one(&mut *transaction).await?;
    if state != "running" {
        return Ok(false);
    }
    write_checkpoints(&mut transaction, shared, job).await?;
    write_decisions(&mut transaction, shared, job).await?;
    let analyze = "DO $$ DECLARE one record; BEGIN \
                     FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = '{generation}' LOOP \
                       EXECUTE format('ANALYZE %I.%I', '{generation}', one.tablename); \
                     END LOOP; END $$";
    sqlx::raw_sql(AssertSqlSafe(generation.fill(analyze))).execute(&mut *transaction).await?;
    if generation.kind == GenerationKind::Moment {
        open_to_readers(&mut transaction, generation, shared.model.views_sql()).await?;
    }
    let ready = "UPDATE brainops.generation SET state = 'ready', ready_at = now(), ready_xid = pg_current_xact_id() \
                  WHERE read_model = $1 AND generation = $2 AND state = 'building'";
    let ready = sqlx::query(ready).bind(generation.read_model.as_str()).bind(generation.number);
    ready.execute(&mut *transaction).await?;
    let done = "UPDATE brainops.rebuild SET state = 'done', finished_at = now() WHERE read_model = $1 AND generation = $2";
    let done = sqlx::query(done).bind(generation.read_model.as_str()).bind(generation.number);
    done.execute(&mut *transaction).await?;
    transaction.commit().await.map(|()| true)
}

/// How far each partition is folded: exactly up to the goal.
async fn write_checkpoints<M>(
    connection: &mut PgConnection,
    shared: &Shared<M>,
    job: &Job,
) -> Result<(), sqlx::Error> {
    let generation = &shared.generation;
    let of_units = "INSERT INTO {generation}.checkpoint (topic, partition, topic_id, next_offset, epoch, last_digest, last_recorded_at) \
                    SELECT topic, partition, topic_id, to_offset, 1, last_digest, last_recorded_at \
                      FROM brainops.rebuild_unit WHERE read_model = $1 AND generation = $2 \
                        ON CONFLICT (topic, partition) DO NOTHING";
    let of_units = generation.fill(of_units);
    let of_units = sqlx::query(AssertSqlSafe(of_units)).bind(generation.read_model.as_str());
    of_units.bind(generation.number).execute(&mut *connection).await?;
    let decisions = &shared.scope.decisions;
    for (topic, partition, next) in job.goal.iter().filter(|(topic, ..)| *topic == decisions) {
        let last = shared.decided.last.get(&(topic.clone(), partition));
        let one = "INSERT INTO {generation}.checkpoint (topic, partition, topic_id, next_offset, epoch, last_digest, last_recorded_at) \
                   VALUES ($1, $2, $3, $4, 1, $5, $6) ON CONFLICT (topic, partition) DO NOTHING";
        sqlx::query(AssertSqlSafe(generation.fill(one)))
            .bind(topic.as_str())
            .bind(partition.get())
            .bind(job.goal.topic_id(topic).map(brainops_event::TopicId::as_str))
            .bind(next.get())
            .bind(last.map(|(digest, _)| digest.as_bytes().to_vec()))
            .bind(last.map(|(_, at)| *at))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What people decided up to the goal: what is about a record that is folded is carried out by having been folded so;
/// the rest waits.
async fn write_decisions<M>(
    connection: &mut PgConnection,
    shared: &Shared<M>,
    job: &Job,
) -> Result<(), sqlx::Error> {
    for told in &shared.decided.all {
        let (state, outcome) = match &told.about {
            About::Record(place, offset) if is_folded(job, place, *offset) => ("done", Some(taken(told))),
            About::Record((topic, _), _) if shared.scope.folded.contains(topic) => ("pending", None),
            About::Record(..) | About::Nothing => {
                ("refused", Some("it is about nothing that is folded here".to_owned()))
            }
            About::Pause(_) => ("refused", Some("it is about a pause of another generation".to_owned())),
        };
        write(&mut *connection, &shared.scope, told, state, outcome).await?;
    }
    Ok(())
}

fn is_folded(job: &Job, (topic, partition): &Place, offset: Offset) -> bool {
    job.goal.get(topic, *partition).is_some_and(|goal| offset < goal)
}

fn taken(told: &Told) -> String {
    match told.decision.kind {
        DecisionKind::Dismiss => "the record was left out when the generation was folded".to_owned(),
        _ => "the subject was folded anew with the generation".to_owned(),
    }
}
