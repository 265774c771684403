//! `GET /sagas`, `GET /sagas/{agent}/{correlation}` and `POST /sagas/{agent}/{correlation}`: what agents are at work on, what
//! each saga waits for and since when, and what people decide about one. States hold no plain personal text: what is sealed
//! in events stays sealed there.
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use brainops_event::{Timestamp, error_chain, new_id};
use brainops_saga::{
    Decide, Decider, Filter, Instance, ListError, ListedSaga, OpenTimer, OpenWait, ParkedAt, StepRecord,
    decision_event, find, list as list_sagas,
};
use chrono::{TimeDelta, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::agents::stops;
use super::cursor::Question;
use super::page::{DEFAULT_LIMIT, MAX_LIMIT};
use super::params::Params;
use super::show;
use crate::answer::{Ids, append_and_answer};
use crate::auth::Principal;
use crate::body::{media_type, read_body};
use crate::doors::Doors;
use crate::fault::database_problem;
use crate::object::Object;
use crate::problem::{FieldProblem, Kind, Problem};

const JSON: &[&str] = &["application/json"];
const STATUSES: &[&str] = &["all", "early", "running", "parked", "paused", "compensating", "ended"];
const DECISIONS: &[&str] = &["pause", "resume", "retry", "cancel", "move"];
/// The most hours that can be asked for: a hundred years.
const MAX_HOURS: i64 = 876_600;

/// A saga as it is shown.
#[derive(Debug, Serialize)]
struct Saga {
    agent: String,
    correlation: String,
    run: i32,
    version: u32,
    revision: i64,
    status: &'static str,
    waits: Vec<Waiting>,
    timers: Vec<Timer>,
    parked: Option<Parked>,
    outcome: Option<String>,
    kept: usize,
    #[serde(serialize_with = "show::moment")]
    last_input_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct Waiting {
    reason: String,
    events: Vec<String>,
    #[serde(serialize_with = "show::moment")]
    since: Timestamp,
}

#[derive(Debug, Serialize)]
struct Timer {
    name: String,
    #[serde(serialize_with = "show::moment")]
    deadline: Timestamp,
}

#[derive(Debug, Serialize)]
struct Parked {
    input: String,
    class: String,
    code: String,
    #[serde(serialize_with = "show::moment")]
    since: Timestamp,
}

/// One saga with what only its own page shows.
#[derive(Debug, Serialize)]
struct Whole {
    #[serde(flatten)]
    saga: Saga,
    correlation_id: String,
    steps: Vec<Step>,
    /// What its agent remembers.
    state: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Step {
    name: String,
    phase: Value,
    said: String,
    undo_attempts: i32,
}

impl Saga {
    fn of(ListedSaga { agent, saga }: &ListedSaga) -> Self {
        let book = &saga.book;
        Self {
            agent: agent.clone(),
            correlation: saga.correlation.clone(),
            run: saga.run,
            version: saga.version,
            revision: saga.revision,
            status: saga.status(),
            waits: book.waits.iter().map(Waiting::of).collect(),
            timers: book.timers.iter().map(Timer::of).collect(),
            parked: book.parked.as_ref().map(Parked::of),
            outcome: book.outcome.clone(),
            kept: saga.waiting_inputs(),
            last_input_at: saga.last_input_at,
        }
    }
}

impl Waiting {
    fn of(open: &OpenWait) -> Self {
        let events = open.wait.events().map(str::to_owned).collect();
        Self { reason: open.wait.reason().to_owned(), events, since: open.since }
    }
}

impl Timer {
    fn of((name, open): (&String, &OpenTimer)) -> Self {
        Self { name: name.clone(), deadline: open.deadline }
    }
}

impl Parked {
    fn of(ParkedAt { input, class, code, since }: &ParkedAt) -> Self {
        Self { input: input.clone(), class: class.clone(), code: code.clone(), since: *since }
    }
}

impl Step {
    fn of(step: &StepRecord) -> Self {
        Self {
            name: step.name.clone(),
            phase: serde_json::to_value(step.phase).unwrap_or_default(),
            said: step.said.to_string(),
            undo_attempts: step.attempts,
        }
    }
}

/// `GET /sagas?agent=&status=&waiting_hours=&limit=&cursor=`: by agent and correlation. `waiting_hours`: only those that have
/// waited, or stood parked or paused, for longer.
pub async fn list(State(doors): State<Arc<Doors>>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["agent", "status", "waiting_hours", "limit", "cursor"])?;
    let (agent, status) = (params.text("agent"), params.word("status", STATUSES)?);
    let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let hours = hours(&params)?;
    let question = Question::new("sagas", &[agent, status, params.text("waiting_hours")]);
    let after = params.text("cursor").map(|cursor| question.keys::<2>(cursor)).transpose()?;
    let filter = Filter {
        agent,
        status,
        over_budget: None,
        since_before: hours.map(|hours| Utc::now() - TimeDelta::hours(hours)),
        after: after.as_ref().map(|[agent, correlation]| (agent.as_str(), correlation.as_str())),
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let mut sagas = list_sagas(&doors.pool, filter).await.map_err(|error| list_problem(&error))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = sagas.len() > limit;
    sagas.truncate(limit);
    let last = sagas.last().filter(|_| more);
    let next_cursor = last.map(|last| question.after(&[&last.agent, &last.saga.correlation]));
    let rows: Vec<Saga> = sagas.iter().map(Saga::of).collect();
    Ok(Json(json!({ "rows": rows, "next_cursor": next_cursor, "stopped": stops(&doors).await? }))
        .into_response())
}

fn hours(params: &Params) -> Result<Option<i64>, Problem> {
    let Some(text) = params.text("waiting_hours") else { return Ok(None) };
    match text.parse::<i64>().ok().filter(|hours| (0..=MAX_HOURS).contains(hours)) {
        Some(hours) => Ok(Some(hours)),
        None => {
            let expected = format!("a whole number from 0 to {MAX_HOURS}");
            Err(Problem::parameter(FieldProblem::new("waiting_hours", expected, "something else")))
        }
    }
}

/// `GET /sagas/{agent}/{correlation}`: with its steps and what its agent remembers.
pub async fn show(
    State(doors): State<Arc<Doors>>,
    Path((agent, correlation)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(&uri, &[])?;
    let saga = found(&doors, &agent, &correlation).await?;
    let listed = ListedSaga { agent, saga };
    let saga = &listed.saga;
    let whole = Whole {
        saga: Saga::of(&listed),
        correlation_id: saga.book.correlation_id.clone(),
        steps: saga.book.steps.iter().map(Step::of).collect(),
        state: RawValue::from_string(saga.state.clone()).ok(),
    };
    Ok(Json(whole).into_response())
}

/// `POST /sagas/{agent}/{correlation}`: `{"decide": "pause", "by": "kim", "reason": "..."}`; `retry` may have `"skip": true`,
/// `move` has `"to"`. The answer says where the decision stands in the log; the saga takes it in its turn.
pub async fn decide(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    Path((agent, correlation)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    media_type(&headers, JSON)?;
    let body = read_body(&headers, body, doors.config.max_body_bytes).await?;
    let saga = found(&doors, &agent, &correlation).await?;
    let (decide, decider) =
        decision(&body, &Standing::of(&saga), principal).map_err(|error| Problem::invalid(vec![error]))?;
    let now = (new_id(Uuid::now_v7()), Utc::now());
    let event = decision_event((&agent, &correlation), &decide, &decider, now).map_err(|error| {
        let expected = "1 to 200 characters for by, 1 to 1000 for reason";
        tracing::debug!(error = %error_chain(&error), "a decision about a saga is refused");
        Problem::invalid(vec![FieldProblem::new("body", expected, "other lengths")])
    })?;
    append_and_answer(&doors, "sagas", Ids::OfTheCaller { batch: false }, vec![event]).await
}

/// What counts for what can be decided about a saga.
struct Standing<'a> {
    status: &'static str,
    version: u32,
    is_paused: bool,
    /// The position of the input at which it is parked.
    parked_at: Option<&'a str>,
}

impl<'a> Standing<'a> {
    fn of(saga: &'a Instance) -> Self {
        let parked_at = saga.book.parked.as_ref().map(|parked| parked.input.as_str());
        Self { status: saga.status(), version: saga.version, is_paused: saga.book.paused, parked_at }
    }
}

/// What is decided, by whom and why; what cannot be decided about the saga as it is now is refused.
fn decision(
    body: &[u8],
    saga: &Standing<'_>,
    principal: Principal,
) -> Result<(Decide, Decider), FieldProblem> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| FieldProblem::new("body", "JSON", "something else"))?;
    let root = Object::root(&document)?;
    root.only(&["decide", "by", "reason", "skip", "to"])?;
    let by = root.optional_text("by")?.unwrap_or(principal.0).to_owned();
    let decider = Decider { by, reason: root.text("reason")?.to_owned() };
    let skip = if root.has("skip") { root.boolean("skip")? } else { false };
    let is = saga.status;
    let refuse = |expected: &str| Err(root.wrong("decide", expected, format!("a saga that is {is}")));
    let decide = match (root.text("decide")?, saga.parked_at) {
        ("retry", Some(parked)) => Decide::Retry { input: parked.to_owned(), skip },
        ("retry", None) => return refuse("retry of a parked saga"),
        ("resume", _) if !saga.is_paused => return refuse("resume of a paused saga"),
        ("resume", _) => Decide::Resume,
        (_, _) if is == "ended" => return refuse("a saga that has not ended"),
        ("pause", _) => Decide::Pause,
        ("cancel", _) => Decide::Cancel,
        ("move", _) => {
            let to = i32::try_from(root.number("to")?).ok().filter(|to| *to > 0);
            let to = to.ok_or_else(|| root.wrong("to", "a version from 1", "another number"))?;
            Decide::Move { from: i32::try_from(saga.version).unwrap_or(i32::MAX), to }
        }
        _ => return Err(root.wrong("decide", DECISIONS.join(", "), "another word")),
    };
    Ok((decide, decider))
}

async fn found(doors: &Doors, agent: &str, correlation: &str) -> Result<Instance, Problem> {
    let found = find(&doors.pool, agent, correlation).await.map_err(|error| list_problem(&error))?;
    found.ok_or_else(|| Problem::new(Kind::NoSuchSaga, "the agent has no saga about this correlation"))
}

fn list_problem(error: &ListError) -> Problem {
    match error {
        ListError::Database(error) => database_problem(error),
        ListError::Row(_) => {
            tracing::error!(error = %error_chain(error), "a saga cannot be shown");
            Problem::new(Kind::Internal, "the saga is kept in a form that this program cannot read")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(status: &'static str, body: Value) -> Result<Decide, FieldProblem> {
        let parked_at = (status == "parked").then_some("brainops.lead/0@7");
        let saga = Standing { status, version: 1, is_paused: status == "paused", parked_at };
        decision(body.to_string().as_bytes(), &saga, Principal("operator")).map(|(decide, _)| decide)
    }

    #[test]
    fn only_what_fits_the_saga_as_it_is_can_be_decided() {
        let body = |decide: &str| json!({"decide": decide, "reason": "tests"});
        let retry = Decide::Retry { input: "brainops.lead/0@7".to_owned(), skip: false };
        assert_eq!(decided("parked", body("retry")).unwrap(), retry);
        assert_eq!(decided("running", body("pause")).unwrap(), Decide::Pause);
        assert_eq!(decided("paused", body("resume")).unwrap(), Decide::Resume);
        for (status, decide) in [
            ("running", "retry"),
            ("running", "resume"),
            ("ended", "pause"),
            ("ended", "cancel"),
            ("running", "stop"),
        ] {
            assert_eq!(decided(status, body(decide)).unwrap_err().field, "decide", "{status} {decide}");
        }
        let to = |to: Value| decided("running", json!({"decide": "move", "reason": "tests", "to": to}));
        assert_eq!(to(json!(2)).unwrap(), Decide::Move { from: 1, to: 2 });
        for bad in [json!(0), json!(-1), json!("2"), json!(4_000_000_000_u64)] {
            assert_eq!(to(bad).unwrap_err().field, "to");
        }
        assert_eq!(decided("running", json!({"decide": "pause"})).unwrap_err().field, "reason");
        assert_eq!(
            decided("running", json!({"decide": "pause", "reason": "r", "who": 1})).unwrap_err().field,
            "who"
        );
    }
}
