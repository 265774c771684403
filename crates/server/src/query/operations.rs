//! `GET /agents` and `GET /sagas/waits`, from the read model `operations`. As late as it is; `GET /sagas` asks the runtime.
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use brainops_event::Timestamp;
use serde::Serialize;

use super::as_of::Place;
use super::cursor::{Question, refuse};
use super::freshness::Freshness;
use super::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use super::params::Params;
use super::show;
use super::snapshot;
use crate::auth::Principal;
use crate::doors::Doors;
use crate::problem::Problem;

const FRESHNESS: &str = include_str!("../../../../projections/operations/queries/freshness.sql");
const AGENTS: &str = include_str!("../../../../projections/operations/queries/agents.sql");
const WAITS: &str = include_str!("../../../../projections/operations/queries/saga_waits.sql");
const KINDS: &[&str] = &["event", "approval", "task", "timer", "undo", "beginning", "person"];

/// An agent, and how many sagas of each status it has.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Agent {
    agent: String,
    early: i64,
    running: i64,
    compensating: i64,
    paused: i64,
    parked: i64,
    ended: i64,
    waiting: i64,
    overdue: i64,
    #[serde(serialize_with = "show::optional_moment")]
    oldest_wait_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    next_due_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    last_input_at: Option<Timestamp>,
    is_stopped: bool,
    stopped_by: Option<String>,
    stopped_reason: Option<String>,
    #[serde(serialize_with = "show::optional_moment")]
    stopped_at: Option<Timestamp>,
}

/// The answer about agents: there are not so many of them that they came in pages.
#[derive(Debug, Serialize)]
struct Agents {
    rows: Vec<Agent>,
    #[serde(flatten)]
    freshness: Freshness,
}

/// `GET /agents?agent=&as_of=&clock=&fresh=`.
pub async fn agents(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["agent", "as_of", "clock", "fresh"])?;
    let place = Place::asked(&doors, &params, principal, "operations").await?;
    if let Some(answer) = place.on_its_way() {
        return Ok(answer);
    }
    let mut transaction = snapshot(&doors.pool).await?;
    let rows = place.query(AGENTS).bind(params.text("agent")).fetch_all(&mut *transaction).await;
    let rows = rows.map_err(|error| place.problem(&error))?;
    let freshness = place.freshness(&mut transaction, FRESHNESS).await?;
    Ok(Json(Agents { rows, freshness }).into_response())
}

/// Something that a saga waits for.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct SagaWait {
    agent: String,
    correlation: String,
    number: i32,
    run: i32,
    status: String,
    kind: String,
    reason: String,
    events: Vec<String>,
    #[serde(serialize_with = "show::optional_moment")]
    since_at: Option<Timestamp>,
    #[serde(serialize_with = "show::optional_moment")]
    due_at: Option<Timestamp>,
    waits_seconds: Option<f64>,
    is_overdue: bool,
}

/// `GET /sagas/waits?agent=&kind=&overdue=&as_of=&clock=&fresh=&limit=&cursor=`: by agent and correlation.
pub async fn saga_waits(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Result<Response, Problem> {
    let known = ["agent", "kind", "overdue", "limit", "cursor", "as_of", "clock", "fresh"];
    let params = Params::of(&uri, &known)?;
    let (agent, kind) = (params.text("agent"), params.word("kind", KINDS)?);
    let overdue = params.word("overdue", &["true", "false"])?;
    let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let place = Place::asked(&doors, &params, principal, "operations").await?;
    let question = Question::new("saga_waits", &[agent, kind, overdue, place.mark().as_deref()]);
    let after = params.text("cursor").map(|cursor| key(&question, cursor)).transpose()?;
    if let Some(answer) = place.on_its_way() {
        return Ok(answer);
    }
    let mut transaction = snapshot(&doors.pool).await?;
    let rows = place
        .query(WAITS)
        .bind(agent)
        .bind(kind)
        .bind(overdue.map(|word| word == "true"))
        .bind(after.as_ref().map(|(agent, ..)| agent))
        .bind(after.as_ref().map(|(_, correlation, _)| correlation))
        .bind(after.as_ref().map(|(.., number)| *number))
        .bind(limit + 1)
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| place.problem(&error))?;
    let freshness = place.freshness(&mut transaction, FRESHNESS).await?;
    let page = Page::new(rows, limit, freshness, |row: &SagaWait| {
        question.after(&[&row.agent, &row.correlation, &row.number.to_string()])
    });
    Ok(Json(page).into_response())
}

/// Where a page of waits begins.
fn key(question: &Question, cursor: &str) -> Result<(String, String, i32), Problem> {
    let [agent, correlation, number] = question.keys(cursor)?;
    let number = number.parse().map_err(|_| refuse("a cursor without a number"))?;
    Ok((agent, correlation, number))
}
