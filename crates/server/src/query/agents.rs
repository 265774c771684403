//! `POST /agents/stop` and `POST /agents/start`: the stop switch of one agent, or of all of them.
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use brainops_event::error_chain;
use brainops_outbox::Outbox;
use brainops_saga::{Decider, Stopped, SwitchError, stopped as all_stopped, throw_switch};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::show;
use crate::auth::Principal;
use crate::body::{media_type, read_body};
use crate::doors::Doors;
use crate::fault::database_problem;
use crate::object::Object;
use crate::problem::{FieldProblem, Kind, Problem};

const JSON: &[&str] = &["application/json"];

/// Stops and starts agents. Behind the trait stands the outbox, and memory in tests.
#[async_trait]
pub trait StopSwitch: Send + Sync {
    /// Throws the switch of one agent, or that of all of them; answers how often it was thrown.
    ///
    /// # Errors
    /// [`SwitchError`].
    async fn throw(&self, agent: Option<&str>, stop: bool, decider: &Decider) -> Result<i64, SwitchError>;
}

#[async_trait]
impl StopSwitch for (PgPool, Outbox) {
    async fn throw(&self, agent: Option<&str>, stop: bool, decider: &Decider) -> Result<i64, SwitchError> {
        throw_switch(&self.0, &self.1, (agent, stop), decider).await
    }
}

/// That agents are stopped, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct ShownStop {
    /// Null: all of them.
    agent: Option<String>,
    by: String,
    reason: String,
    #[serde(serialize_with = "show::moment")]
    since: brainops_event::Timestamp,
}

impl From<Stopped> for ShownStop {
    fn from(Stopped { agent, by, reason, since, .. }: Stopped) -> Self {
        Self { agent, by, reason, since }
    }
}

/// What is stopped now.
pub(super) async fn stops(doors: &Doors) -> Result<Vec<ShownStop>, Problem> {
    let stopped = all_stopped(&doors.pool).await.map_err(|error| database_problem(&error))?;
    Ok(stopped.into_iter().map(ShownStop::from).collect())
}

/// `POST /agents/stop`: `{"agent": "lead-follow-up", "by": "kim", "reason": "..."}`; without `agent`, all of them. When it
/// answers, they decide nothing any more, in whatever process.
pub async fn stop(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    throw(&doors, principal, (&headers, body), true).await
}

/// `POST /agents/start`: as `stop`; they go on where they stood.
pub async fn start(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    throw(&doors, principal, (&headers, body), false).await
}

async fn throw(
    doors: &Doors,
    principal: Principal,
    (headers, body): (&HeaderMap, Body),
    stop: bool,
) -> Result<Response, Problem> {
    media_type(headers, JSON)?;
    let body = read_body(headers, body, doors.config.max_body_bytes).await?;
    let (agent, decider) = asked(&body, principal).map_err(|error| Problem::invalid(vec![error]))?;
    let number =
        doors.agents.throw(agent.as_deref(), stop, &decider).await.map_err(|error| refused(&error))?;
    Ok(Json(json!({ "agent": agent, "number": number, "stopped": stops(doors).await? })).into_response())
}

fn asked(body: &[u8], principal: Principal) -> Result<(Option<String>, Decider), FieldProblem> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| FieldProblem::new("body", "JSON", "something else"))?;
    let root = Object::root(&document)?;
    root.only(&["agent", "by", "reason"])?;
    // What is no name must never come to mean all of them.
    let agent = if root.has("agent") { Some(root.text("agent")?.to_owned()) } else { None };
    let by = root.optional_text("by")?.unwrap_or(principal.0).to_owned();
    Ok((agent, Decider { by, reason: root.text("reason")?.to_owned() }))
}

fn refused(error: &SwitchError) -> Problem {
    tracing::warn!(error = %error_chain(error), "the stop switch was not thrown");
    match error {
        SwitchError::Database(error) => database_problem(error),
        SwitchError::Unknown { known, .. } => {
            let known = if known.is_empty() { "no agent yet" } else { known };
            Problem::invalid(vec![FieldProblem::new("agent", known, "another name")])
        }
        SwitchError::Decide(_) => {
            let expected = "1 to 200 characters for by, 1 to 1000 for reason";
            Problem::invalid(vec![FieldProblem::new("body", expected, "other lengths")])
        }
        SwitchError::Append(_) | SwitchError::Contended { .. } => {
            Problem::new(Kind::Unavailable, "the switch was not thrown: try again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_stop_is_said_by_name_or_not_at_all() {
        let of = |body: Value| asked(body.to_string().as_bytes(), Principal("operator"));
        let (agent, decider) = of(json!({"agent": "tally", "reason": "r"})).unwrap();
        assert_eq!((agent.as_deref(), decider.by.as_str()), (Some("tally"), "operator"));
        assert_eq!(of(json!({"reason": "r", "by": "kim"})).unwrap().0, None);
        for (body, field) in [
            (json!({"agent": "", "reason": "r"}), "agent"),
            (json!({"agent": 7, "reason": "r"}), "agent"),
            (json!({"agents": "tally", "reason": "r"}), "agents"),
            (json!({"agent": "tally"}), "reason"),
        ] {
            assert_eq!(of(body.clone()).unwrap_err().field, field, "{body}");
        }
    }
}
