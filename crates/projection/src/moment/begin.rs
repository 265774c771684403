//! Finds a past moment that is there already, or has it made.

use std::time::Duration;

use brainops_event::{Frontier, Timestamp};
use chrono::{TimeDelta, Utc};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row as _};

use super::base::begin_with_base;
use super::error::MomentError;
use super::resolve::ResolvedMoment;
use crate::drop::{drop_generation, expired};
use crate::generation::{Generation, GenerationKind, ModelName};
use crate::install::offered_version;
use crate::model::ReadModel;
use crate::parked::corrupt;
use crate::rebuild::{RebuildError, RebuildState, Request, Workshop, begin_rebuild, in_database};

/// A past moment: there, or on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentState {
    /// Its generation.
    pub generation: Generation,
    /// Whether its rows are whole.
    pub is_ready: bool,
    /// Up to where it is folded.
    pub frontier: Frontier,
    /// Only events that happened until then.
    pub happened_to: Option<Timestamp>,
    /// How far its making is, and why it has ended when it has.
    pub making: RebuildState,
    /// Why it is paused or has ended.
    pub reason: Option<String>,
    /// When it may be dropped; `None`: it is kept.
    pub expires_at: Option<Timestamp>,
}

/// How a past moment is wanted.
#[derive(Debug, Clone, Copy)]
pub struct MomentWanted<'a> {
    /// Opaque id of who asks.
    pub asked_by: &'a str,
    /// How long it is kept after it was last asked for; `None`: until somebody drops it.
    pub time_to_live: Option<TimeDelta>,
    /// By time of happening: whether it must be folded up to now, also when an older answer is still there.
    pub fresh: bool,
    /// How long one whose making has failed stands for an answer, so that who asks again and again does not have it
    /// folded again and again; `None`: it is begun anew.
    pub failed_stands: Option<Duration>,
}

/// The most moments that are made at a time for one who asks.
const MOST_AT_ONCE: i64 = 3;

/// The moment that a question came to: one that is there, or one that is begun by this call and is whole once somebody
/// has worked on it.
///
/// # Errors
/// [`MomentError`]: too many are being made for the one who asks, or it cannot be begun.
pub async fn offer_moment<M: ReadModel>(
    model: &M,
    shop: &Workshop,
    moment: &ResolvedMoment,
    wanted: MomentWanted<'_>,
) -> Result<MomentState, MomentError> {
    let MomentWanted { asked_by, time_to_live, fresh, failed_stands } = wanted;
    let read_model = ModelName::new(model.name()).map_err(RebuildError::from)?;
    let failed = |what| in_database(&read_model, what);
    let expires_at = time_to_live.map(|live| Utc::now() + live);
    let known = find(&shop.pool, &read_model, offered_version(model), moment, fresh).await;
    let Found { known, just_failed } = known.map_err(failed("look for a past moment"))?;
    if let Some(known) = known {
        prolong(&shop.pool, &known.generation, expires_at).await.map_err(failed("keep a past moment"))?;
        return Ok(MomentState { expires_at: known.expires_at.max(expires_at), ..known });
    }
    let stands = |(_, ended): &(MomentState, Duration)| failed_stands.is_some_and(|limit| *ended < limit);
    if let Some((failed, _)) = just_failed.filter(stands) {
        let (read_model, generation) = (read_model.to_string(), failed.generation.number);
        return Err(MomentError::JustFailed { read_model, generation, reason: failed.reason });
    }
    let making = making(&shop.pool, asked_by).await.map_err(failed("count the past moments"))?;
    if making >= MOST_AT_ONCE {
        let (asked_by, limit) = (asked_by.to_owned(), MOST_AT_ONCE);
        return Err(MomentError::TooMany { asked_by, found: making, limit });
    }
    let request = Request {
        kind: GenerationKind::Moment,
        goal: Some(moment.frontier.clone()),
        happened_to: moment.happened_to,
        made_by: Some(asked_by.to_owned()),
        expires_at,
        moment: Some(moment.told.clone()),
    };
    let generation = match begin_with_base(model, shop, &request).await? {
        Some(generation) => generation,
        None => begin_rebuild(model, shop, request).await?,
    };
    let state = moment_state(&shop.pool, &generation).await.map_err(failed("read a past moment"))?;
    state.ok_or_else(|| RebuildError::NoneUnderway { read_model }.into())
}

/// The state of a past moment; `None` when it is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn moment_state(
    pool: &PgPool,
    generation: &Generation,
) -> Result<Option<MomentState>, sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/moment.sql")).bind(generation.read_model.as_str());
    let rows = query.bind(generation.fold_version).bind(Some(generation.number)).fetch_all(pool).await?;
    rows.first().map(|row| state(row, &generation.read_model)).transpose()
}

/// What there is of a moment already.
#[derive(Default)]
struct Found {
    /// There or on its way.
    known: Option<MomentState>,
    /// The latest whose making has failed, and how long ago that was.
    just_failed: Option<(MomentState, Duration)>,
}

/// Looks for a moment, the latest first.
async fn find(
    pool: &PgPool,
    read_model: &ModelName,
    fold_version: i32,
    moment: &ResolvedMoment,
    fresh: bool,
) -> Result<Found, sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/moment.sql")).bind(read_model.as_str());
    let rows = query.bind(fold_version).bind(None::<i32>).fetch_all(pool).await?;
    let is_it = |one: &MomentState| {
        let same_place = one.frontier == moment.frontier;
        let same_time = one.happened_to == moment.happened_to;
        match moment.happened_to {
            None => same_place && same_time,
            Some(_) => same_time && (same_place || !fresh),
        }
    };
    let mut found = Found::default();
    for row in rows {
        let one = state(&row, read_model)?;
        match one.making {
            _ if !is_it(&one) => {}
            RebuildState::Cancelled => {}
            RebuildState::Failed => {
                let ended_s_ago: Option<f64> = row.try_get("ended_s_ago")?;
                let ended = Duration::try_from_secs_f64(ended_s_ago.unwrap_or(0.0)).unwrap_or(Duration::ZERO);
                found.just_failed.get_or_insert((one, ended));
            }
            RebuildState::Running | RebuildState::Paused | RebuildState::Done => {
                found.known = Some(one);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

pub(super) fn state(row: &PgRow, read_model: &ModelName) -> Result<MomentState, sqlx::Error> {
    let making: &str = row.try_get("making")?;
    let goal: Json<Frontier> = row.try_get("goal")?;
    Ok(MomentState {
        generation: Generation {
            read_model: read_model.clone(),
            number: row.try_get("generation")?,
            fold_version: row.try_get("fold_version")?,
            kind: GenerationKind::Moment,
        },
        is_ready: row.try_get("is_ready")?,
        frontier: goal.0,
        happened_to: row.try_get("happened_to")?,
        making: RebuildState::from_name(making)
            .ok_or_else(|| corrupt(format!("no rebuild has the state {making}")))?,
        reason: row.try_get("reason")?,
        expires_at: row.try_get("expires_at")?,
    })
}

async fn prolong(
    pool: &PgPool,
    generation: &Generation,
    expires_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    let query = "UPDATE brainops.generation SET expires_at = CASE WHEN $3::timestamptz IS NOT NULL THEN greatest(expires_at, $3) END \
                  WHERE read_model = $1 AND generation = $2 AND expires_at IS NOT NULL";
    let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
    query.bind(expires_at).execute(pool).await.map(|_| ())
}

async fn making(pool: &PgPool, asked_by: &str) -> Result<i64, sqlx::Error> {
    let query = "SELECT count(*) FROM brainops.generation AS known JOIN brainops.rebuild AS job USING (read_model, generation) \
                  WHERE known.kind = 'moment' AND known.state = 'building' AND job.state IN ('running', 'paused') AND known.made_by = $1";
    sqlx::query_scalar(query).bind(asked_by).fetch_one(pool).await
}

/// Drops the past moments whose time is over; answers with how many.
///
/// # Errors
/// [`MomentError`] when one cannot be dropped.
pub async fn withdraw_expired(pool: &PgPool) -> Result<usize, MomentError> {
    let everywhere = ModelName::new("all").map_err(RebuildError::from)?;
    let over = expired(pool).await.map_err(in_database(&everywhere, "look for past moments"))?;
    let count = over.len();
    for one in over {
        drop_generation(pool, &one).await.map_err(|error| MomentError::Drop(Box::new(error)))?;
    }
    Ok(count)
}
