//! Begins a past moment with the rows of an earlier one.
//!
//! Copying costs by the row, folding on costs by the event, some three times as much as folding from the beginning
//! does. So an earlier moment is used when less than a third of the events up to the wanted one come after it.

use std::collections::BTreeSet;

use brainops_event::Frontier;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use super::error::MomentError;
use crate::definition::OWN_TABLES;
use crate::generation::{Generation, GenerationKind, ModelName};
use crate::install::{create, offered_version};
use crate::lineage::{GenerationState, generations_of};
use crate::model::ReadModel;
use crate::month::create_sql;
use crate::rebuild::{RebuildError, Request, Workshop, bounds, in_database};
use crate::rows::Tables as _;
use crate::run::scope;
use crate::table::Table;
use crate::writer::Month;

/// How many times more an event costs that is folded on than one that is folded from the beginning.
const COST_OF_FOLDING_ON: i64 = 3;

/// An earlier moment.
struct Base {
    generation: Generation,
    frontier: Frontier,
}

/// Begins with the rows of an earlier moment, if that is worth it; the rest is folded by who works on it.
pub(super) async fn begin_with_base<M: ReadModel>(
    model: &M,
    shop: &Workshop,
    request: &Request,
) -> Result<Option<Generation>, MomentError> {
    let read_model = ModelName::new(model.name()).map_err(RebuildError::from)?;
    let failed = |what| in_database(&read_model, what);
    let Some(goal) = request.goal.as_ref().filter(|_| request.happened_to.is_none()) else {
        return Ok(None); // by time of happening, an earlier moment may lack what arrived late
    };
    let fold_version = offered_version(model);
    let base = best(&shop.pool, &read_model, fold_version, goal).await;
    let Some(base) = base.map_err(failed("look for an earlier moment"))? else { return Ok(None) };
    let unnumbered = Generation::of_lineage(read_model.clone(), 1, fold_version);
    let scope = scope(model, &shop.log, &unnumbered).map_err(RebuildError::from)?;
    bounds(shop, &read_model, &scope, Some(goal.clone())).await?; // refuses what the log does not hold
    let mut transaction = shop.pool.begin().await.map_err(failed("begin a past moment"))?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('brainops.install.' || $1, 0))";
    let locked = sqlx::query(lock).bind(read_model.as_str()).execute(&mut *transaction).await;
    locked.map_err(failed("wait for another installation"))?;
    let known =
        generations_of(&mut transaction, &read_model).await.map_err(failed("read the generations"))?;
    let is_there = |one: &&crate::lineage::KnownGeneration| {
        one.generation == base.generation && one.state == GenerationState::Ready
    };
    if !known.iter().any(|one| is_there(&one)) {
        return Ok(None); // its time was over a moment ago
    }
    let number = known.iter().map(|one| one.generation.number).max().unwrap_or_default() + 1;
    let kind = GenerationKind::Moment;
    let generation = Generation { read_model: read_model.clone(), number, fold_version, kind };
    let copied = copy(&mut transaction, model, &generation, &base, request, &shop.worker).await;
    copied.map_err(failed("copy an earlier moment"))?;
    transaction.commit().await.map_err(failed("commit the copy of an earlier moment"))?;
    Ok(Some(generation))
}

/// The moment before the goal from which the least is to be folded, if it is little enough.
async fn best(
    pool: &PgPool,
    read_model: &ModelName,
    fold_version: i32,
    goal: &Frontier,
) -> Result<Option<Base>, sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/moment.sql")).bind(read_model.as_str());
    let rows = query.bind(fold_version).bind(None::<i32>).fetch_all(pool).await?;
    let all = offsets(goal);
    let mut best: Option<(i64, Base)> = None;
    for row in rows {
        let (is_ready, happened_to): (bool, Option<DateTime<Utc>>) =
            (row.try_get("is_ready")?, row.try_get("happened_to")?);
        let frontier = row.try_get::<Json<Frontier>, _>("goal")?.0;
        let same_log = goal.topics().all(|topic| frontier.topic_id(topic) == goal.topic_id(topic));
        if !is_ready || happened_to.is_some() || !same_log || !goal.has_reached(&frontier) {
            continue;
        }
        let left = all - offsets(&frontier);
        let is_worth_it = left * COST_OF_FOLDING_ON < all;
        if is_worth_it && best.as_ref().is_none_or(|(known, _)| left < *known) {
            let (read_model, kind) = (read_model.clone(), GenerationKind::Moment);
            let number = row.try_get("generation")?;
            best = Some((
                left,
                Base { generation: Generation { read_model, number, fold_version, kind }, frontier },
            ));
        }
    }
    Ok(best.map(|(_, base)| base))
}

fn offsets(frontier: &Frontier) -> i64 {
    frontier.iter().map(|(.., next)| next.get()).sum()
}

async fn copy<M: ReadModel>(
    connection: &mut PgConnection,
    model: &M,
    generation: &Generation,
    base: &Base,
    request: &Request,
    worker: &str,
) -> Result<(), sqlx::Error> {
    create(&mut *connection, generation, model, GenerationState::Building).await?;
    let (to, from) = (generation.schema(), base.generation.schema());
    for table in M::Tables::definitions() {
        make_months(&mut *connection, &to, &from, table).await?;
    }
    let names = M::Tables::definitions().into_iter().map(|table| table.name).chain(OWN_TABLES);
    for name in names {
        let sql = format!("INSERT INTO {to}.{name} SELECT * FROM {from}.{name}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    let told = "UPDATE brainops.generation SET made_by = $3, expires_at = $4, moment = $5 WHERE read_model = $1 AND generation = $2";
    let told = sqlx::query(told).bind(generation.read_model.as_str()).bind(generation.number);
    let told = told.bind(&request.made_by).bind(request.expires_at).bind(request.moment.as_ref().map(Json));
    told.execute(&mut *connection).await?;
    let job = "INSERT INTO brainops.rebuild (read_model, generation, state, goal, base, started_by) \
               VALUES ($1, $2, 'running', $3, $4, $5)";
    let job = sqlx::query(job).bind(generation.read_model.as_str()).bind(generation.number);
    let goal = request.goal.as_ref().unwrap_or(&base.frontier);
    let job = job.bind(Json(goal)).bind(base.generation.number).bind(worker);
    job.execute(&mut *connection).await.map(|_| ())
}

async fn make_months(
    connection: &mut PgConnection,
    to: &str,
    from: &str,
    table: &Table,
) -> Result<(), sqlx::Error> {
    let Some(column) = table.month_partitioned_by else { return Ok(()) };
    let sql =
        format!("SELECT DISTINCT date_trunc('month', {column}, 'UTC') AS month FROM {from}.{}", table.name);
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    let months = rows.iter().map(|row| Ok(Month::of(row.try_get::<DateTime<Utc>, _>("month")?)));
    let months = months.collect::<Result<BTreeSet<Option<Month>>, sqlx::Error>>()?;
    for month in months.into_iter().flatten() {
        let sql = create_sql(&format!("{to}.{}", table.name), column, month);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}
