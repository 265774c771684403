//! Which path leads to which handler, and who may pass.
use std::sync::Arc;

use axum::extract::State;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::auth::require_bearer;
use crate::doors::Doors;
use crate::problem::{Kind, Problem};
use crate::{health, ingest, query, seal, tasks, telemetry, webhook};

/// Every door. A layer holds for what stands before it: the token for all but GitHub, which proves itself by its
/// signature, and health; a place among the requests that are worked on for all but health.
pub fn router(doors: Arc<Doors>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/events", get(query::events::find).post(ingest::post_events))
        .route("/seal", post(seal::seal))
        .route("/webhooks/alertmanager", post(webhook::alertmanager::receive))
        .route("/deployments", get(query::deployments::list))
        .route("/deployments/dora", get(query::deployments::dora))
        .route("/leads", get(query::leads::list))
        .route("/leads/funnel", get(query::leads::funnel))
        .route("/projections", get(query::projections::list))
        .route("/projections/{name}/moments", get(query::moments::list))
        .route("/projections/{name}/moments/{number}", get(query::moments::show))
        .route("/agents", get(query::operations::agents))
        .route("/agents/stop", post(query::agents::stop))
        .route("/agents/start", post(query::agents::start))
        .route("/sagas", get(query::sagas::list))
        .route("/sagas/waits", get(query::operations::saga_waits))
        .route("/sagas/{agent}/{correlation}", get(query::sagas::show).post(query::sagas::decide))
        .route("/tasks", get(tasks::look))
        .route("/tasks/claim", post(tasks::claim))
        .route("/tasks/renew", post(tasks::renew))
        .route("/tasks/release", post(tasks::release))
        .route("/tasks/complete", post(tasks::complete))
        .route("/tasks/fail", post(tasks::fail))
        .route("/tasks/cancel", post(tasks::cancel))
        .route_layer(from_fn_with_state(doors.clone(), require_bearer))
        .route("/webhooks/github", post(webhook::github::receive))
        .route_layer(from_fn_with_state(doors.clone(), telemetry::take_a_place))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(async || Problem::new(Kind::NotFound, "see GET / for the doors that there are"))
        .method_not_allowed_fallback(async || Problem::new(Kind::Method, "see the header Allow"))
        .layer(from_fn(telemetry::observe))
        .with_state(doors)
}

/// `GET /metrics`: the figures in Prometheus' text form.
async fn metrics(State(doors): State<Arc<Doors>>) -> Response {
    ([("content-type", "text/plain; version=0.0.4")], doors.metrics.render()).into_response()
}

/// `GET /`: the doors and what each does.
async fn index() -> Response {
    let door = |method: &str, path: &str, does: &str| json!({ "method": method, "path": path, "does": does });
    let doors = [
        door("POST", "/events", "append CloudEvents or ACP messages, one or a batch"),
        door("GET", "/events?source=&id=", "find an event by its identity"),
        door("POST", "/seal", "seal a personal text, for producers that append on their own"),
        door("POST", "/webhooks/github", "take a signed delivery of GitHub (no token)"),
        door("POST", "/webhooks/alertmanager", "take a notification of Alertmanager"),
        door("GET", "/deployments", "deployments, the latest first; as_of= for a past moment"),
        door("GET", "/deployments/dora", "the four DORA figures by service, environment and week; as_of="),
        door("GET", "/leads", "leads and their stages; as_of= for a past moment"),
        door("GET", "/leads/funnel", "how many leads reached each stage; as_of="),
        door("GET", "/projections", "the read models, how far they are and why one stopped"),
        door("GET", "/projections/{name}/moments", "the past moments of a read model"),
        door("GET", "/projections/{name}/moments/{number}", "one of them, and how far its making is"),
        door("GET", "/agents", "agents, how their sagas stand, and which are stopped; as_of="),
        door("POST", "/agents/stop", "stop one agent or all: when it answers, they decide nothing any more"),
        door("POST", "/agents/start", "let them go on where they stood"),
        door("GET", "/sagas", "what agents are at work on, and what each saga waits for"),
        door("GET", "/sagas/waits", "the same from the read model, one row for each thing; as_of="),
        door(
            "GET",
            "/sagas/{agent}/{correlation}",
            "one of them, with its steps and what its agent remembers",
        ),
        door("POST", "/sagas/{agent}/{correlation}", "pause, resume, retry, cancel or move it"),
        door("GET", "/tasks", "work for many hands, in the order of its turns; source= and id= for one task"),
        door("POST", "/tasks/claim", "take the task whose turn it is, under a lease; 204 when there is none"),
        door("POST", "/tasks/renew", "keep it for longer"),
        door("POST", "/tasks/release", "give it back undone"),
        door("POST", "/tasks/complete", "say that it is done"),
        door("POST", "/tasks/fail", "say that it could not be done: it is tried again, or abandoned"),
        door("POST", "/tasks/cancel", "say that it is not wanted any more"),
        door("GET", "/metrics", "figures of this process for Prometheus"),
        door("GET", "/healthz", "whether the process lives (no token)"),
        door("GET", "/readyz", "whether all that it needs is there (no token)"),
    ];
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "name": "brainops", "version": version, "doors": doors })).into_response()
}
