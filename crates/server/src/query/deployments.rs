//! `GET /deployments` and `GET /deployments/dora`, from the read model `deployments`.
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use brainops_event::{Timestamp, format_timestamp};
use chrono::NaiveDate;
use serde::Serialize;

use super::as_of::Place;
use super::cursor::{Question, refuse};
use super::freshness::Freshness;
use super::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use super::params::{Params, moment};
use super::{show, snapshot};
use crate::auth::Principal;
use crate::doors::Doors;
use crate::problem::Problem;

const FRESHNESS: &str = include_str!("../../../../projections/deployments/queries/freshness.sql");
const DEPLOYMENTS: &str = include_str!("../../../../projections/deployments/queries/deployments.sql");
const DORA: &str = include_str!("../../../../projections/deployments/queries/dora.sql");
const DORA_WEEKLY: &str = include_str!("../../../../projections/deployments/queries/dora_weekly.sql");
const STATUSES: &[&str] = &["started", "succeeded", "failed", "rolled_back"];

/// One deployment.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Deployment {
    service: String,
    environment: String,
    deployment_id: String,
    repository: Option<String>,
    sha: String,
    git_ref: Option<String>,
    url: Option<String>,
    status: String,
    reason_code: Option<String>,
    #[serde(serialize_with = "show::optional_moment")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    finished_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    rolled_back_at: Option<Timestamp>,
    #[serde(serialize_with = "show::moment")]
    happened_at: Timestamp,
    duration_seconds: Option<f64>,
    previous_sha: Option<String>,
    changed_by_source: String,
    changed_by_id: String,
    changed_at_position: String,
}

/// `GET /deployments?service=&environment=&status=&as_of=&clock=&fresh=&limit=&cursor=`: the latest first.
pub async fn list(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(
        &uri,
        &["service", "environment", "status", "limit", "cursor", "as_of", "clock", "fresh"],
    )?;
    let (service, environment) = (params.text("service"), params.text("environment"));
    let status = params.word("status", STATUSES)?;
    let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let place = Place::asked(&doors, &params, principal, "deployments").await?;
    let question = Question::new("deployments", &[service, environment, status, place.mark().as_deref()]);
    let after = params.text("cursor").map(|cursor| Key::read(&question, cursor)).transpose()?;
    if let Some(answer) = place.on_its_way() {
        return Ok(answer);
    }
    let mut transaction = snapshot(&doors.pool).await?;
    let rows = place
        .query(DEPLOYMENTS)
        .bind(service)
        .bind(environment)
        .bind(status)
        .bind(after.as_ref().map(|key| key.happened_at))
        .bind(after.as_ref().map(|key| &key.service))
        .bind(after.as_ref().map(|key| &key.environment))
        .bind(after.as_ref().map(|key| &key.deployment_id))
        .bind(limit + 1)
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| place.problem(&error))?;
    let freshness = place.freshness(&mut transaction, FRESHNESS).await?;
    let page = Page::new(rows, limit, freshness, |row: &Deployment| {
        let happened_at = format_timestamp(&row.happened_at);
        question.after(&[&happened_at, &row.service, &row.environment, &row.deployment_id])
    });
    Ok(Json(page).into_response())
}

/// Where a page of deployments begins.
struct Key {
    happened_at: Timestamp,
    service: String,
    environment: String,
    deployment_id: String,
}

impl Key {
    fn read(question: &Question, cursor: &str) -> Result<Self, Problem> {
        let [happened_at, service, environment, deployment_id] = question.keys(cursor)?;
        let happened_at = moment(&happened_at).ok_or_else(|| refuse("a cursor without a time"))?;
        Ok(Self { happened_at, service, environment, deployment_id })
    }
}

/// The figures over all time of one service in one environment. A figure that is null has its reason beside it.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Figures {
    service: String,
    environment: String,
    #[serde(serialize_with = "show::optional_moment")]
    first_finished_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    last_finished_at: Option<Timestamp>,
    weeks: Option<i64>,
    finished: i64,
    succeeded: i64,
    failed: i64,
    rolled_back: i64,
    unknown_sha: i64,
    deployments_per_week: Option<f64>,
    deployments_per_week_na_reason: Option<String>,
    lead_time_median_seconds: Option<f64>,
    lead_time_commits: i64,
    lead_time_na_reason: Option<String>,
    failure_rate: Option<f64>,
    failure_rate_na_reason: Option<String>,
    restore_median_seconds: Option<f64>,
    restored: i64,
    restore_na_reason: Option<String>,
}

/// The figures of one week.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct WeekFigures {
    service: String,
    environment: String,
    week: NaiveDate,
    iso_week: String,
    finished: i64,
    succeeded: i64,
    failed: i64,
    rolled_back: i64,
    unknown_sha: i64,
    deployments_per_week: f64,
    lead_time_median_seconds: Option<f64>,
    lead_time_commits: i64,
    lead_time_na_reason: Option<String>,
    failure_rate: Option<f64>,
    failure_rate_na_reason: Option<String>,
    restore_median_seconds: Option<f64>,
    restored: i64,
    restore_na_reason: Option<String>,
}

/// The answer about DORA.
#[derive(Debug, Serialize)]
struct Dora {
    /// Over all time, by service and environment; the filter by week does not apply here.
    total: Vec<Figures>,
    /// Week by week, the latest first.
    weeks: Vec<WeekFigures>,
    /// Whether there are more weeks than `limit`; ask for them with `to`.
    more_weeks: bool,
    #[serde(flatten)]
    freshness: Freshness,
}

/// `GET /deployments/dora?service=&environment=&from=&to=&as_of=&clock=&fresh=&limit=`.
pub async fn dora(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params =
        Params::of(&uri, &["service", "environment", "from", "to", "limit", "as_of", "clock", "fresh"])?;
    let (service, environment) = (params.text("service"), params.text("environment"));
    let (from, to) = (params.day("from")?, params.day("to")?);
    let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let place = Place::asked(&doors, &params, principal, "deployments").await?;
    if let Some(answer) = place.on_its_way() {
        return Ok(answer);
    }
    let mut transaction = snapshot(&doors.pool).await?;
    let failed = |error| place.problem(&error);
    let total = place.query(DORA).bind(service).bind(environment);
    let total = total.fetch_all(&mut *transaction).await.map_err(failed)?;
    let weeks = place.query(DORA_WEEKLY).bind(service).bind(environment).bind(from).bind(to).bind(limit + 1);
    let weeks = weeks.fetch_all(&mut *transaction).await.map_err(failed)?;
    let freshness = place.freshness(&mut transaction, FRESHNESS).await?;
    let weeks = Page::new(weeks, limit, freshness, |_: &WeekFigures| String::new());
    let more_weeks = weeks.next_cursor.is_some();
    Ok(Json(Dora { total, weeks: weeks.rows, more_weeks, freshness: weeks.freshness }).into_response())
}
