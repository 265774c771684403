//! `GET /leads` and `GET /leads/funnel`, from the read model `leads`. Names and addresses are shown sealed.
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use brainops_event::{Timestamp, format_timestamp};
use serde::Serialize;

use super::as_of::Place;
use super::cursor::{Question, refuse};
use super::freshness::Freshness;
use super::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use super::params::{Params, moment};
use super::show::{self, SealedText};
use super::snapshot;
use crate::auth::Principal;
use crate::doors::Doors;
use crate::problem::Problem;

const FRESHNESS: &str = include_str!("../../../../projections/leads/queries/freshness.sql");
const LEADS: &str = include_str!("../../../../projections/leads/queries/leads.sql");
const FUNNEL: &str = include_str!("../../../../projections/leads/queries/funnel.sql");
const FUNNEL_BY_CHANNEL: &str = include_str!("../../../../projections/leads/queries/funnel_by_channel.sql");
const STAGES: &[&str] =
    &["discovered", "qualified", "contacted", "replied", "demo", "won", "lost", "disqualified"];

/// One lead.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Lead {
    lead_id: String,
    stage: String,
    #[serde(serialize_with = "show::moment")]
    stage_entered_at: Timestamp,
    channel: Option<String>,
    company: Option<String>,
    name: Option<SealedText>,
    email: Option<SealedText>,
    score: Option<f64>,
    segment: Option<String>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    moments: Moments,
    amount_minor: Option<i64>,
    currency: Option<String>,
    lost_reason_code: Option<String>,
    disqualified_reason_code: Option<String>,
    outreach_ready_count: i64,
    outreach_sent_count: i64,
    outreach_replied_count: i64,
    outreach_bounced_count: i64,
    bounced_permanently: bool,
    #[serde(serialize_with = "show::moment")]
    first_happened_at: Timestamp,
    #[serde(serialize_with = "show::moment")]
    last_happened_at: Timestamp,
    changed_by_source: String,
    changed_by_id: String,
    changed_at_position: String,
}

/// When the lead reached each stage; null where it did not.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Moments {
    #[serde(serialize_with = "show::optional_moment")]
    discovered_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    qualified_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    first_sent_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    first_replied_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    demo_scheduled_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    demo_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    won_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    lost_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    disqualified_at: Option<Timestamp>,
}

/// `GET /leads?stage=&channel=&as_of=&clock=&fresh=&limit=&cursor=`: those with the latest fact first.
pub async fn list(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["stage", "channel", "limit", "cursor", "as_of", "clock", "fresh"])?;
    let (stage, channel) = (params.word("stage", STAGES)?, params.text("channel"));
    let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let place = Place::asked(&doors, &params, principal, "leads").await?;
    let question = Question::new("leads", &[stage, channel, place.mark().as_deref()]);
    let after = params.text("cursor").map(|cursor| key(&question, cursor)).transpose()?;
    if let Some(answer) = place.on_its_way() {
        return Ok(answer);
    }
    let mut transaction = snapshot(&doors.pool).await?;
    let rows = place
        .query(LEADS)
        .bind(stage)
        .bind(channel)
        .bind(after.as_ref().map(|(last_happened_at, _)| *last_happened_at))
        .bind(after.as_ref().map(|(_, lead_id)| lead_id))
        .bind(limit + 1)
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| place.problem(&error))?;
    let freshness = place.freshness(&mut transaction, FRESHNESS).await?;
    let page = Page::new(rows, limit, freshness, |row: &Lead| {
        question.after(&[&format_timestamp(&row.last_happened_at), &row.lead_id])
    });
    Ok(Json(page).into_response())
}

/// Where a page of leads begins.
fn key(question: &Question, cursor: &str) -> Result<(Timestamp, String), Problem> {
    let [last_happened_at, lead_id] = question.keys(cursor)?;
    let last_happened_at = moment(&last_happened_at).ok_or_else(|| refuse("a cursor without a time"))?;
    Ok((last_happened_at, lead_id))
}

/// One stage of the funnel.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Stage {
    stage: String,
    position: i32,
    /// Leads that ever reached the stage.
    reached: i64,
    /// Leads that stand in it now.
    current: i64,
    /// Share of those who reached the stage before, from 0 to 1.
    conversion_from_previous: Option<f64>,
    median_seconds_in_stage: Option<f64>,
}

/// One stage of the funnel of one channel.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct ChannelStage {
    channel: String,
    #[serde(flatten)]
    #[sqlx(flatten)]
    stage: Stage,
}

/// The answer about the funnel.
#[derive(Debug, Serialize)]
struct Funnel {
    /// All leads.
    stages: Vec<Stage>,
    /// The same per channel; only the one that was asked for, if one was.
    by_channel: Vec<ChannelStage>,
    #[serde(flatten)]
    freshness: Freshness,
}

/// `GET /leads/funnel?channel=&as_of=&clock=&fresh=`.
pub async fn funnel(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["channel", "as_of", "clock", "fresh"])?;
    let place = Place::asked(&doors, &params, principal, "leads").await?;
    if let Some(answer) = place.on_its_way() {
        return Ok(answer);
    }
    let mut transaction = snapshot(&doors.pool).await?;
    let failed = |error| place.problem(&error);
    let stages = place.query(FUNNEL).fetch_all(&mut *transaction).await.map_err(failed)?;
    let by_channel = place.query(FUNNEL_BY_CHANNEL).bind(params.text("channel"));
    let by_channel = by_channel.fetch_all(&mut *transaction).await.map_err(failed)?;
    let freshness = place.freshness(&mut transaction, FRESHNESS).await?;
    Ok(Json(Funnel { stages, by_channel, freshness }).into_response())
}
