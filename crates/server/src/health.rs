//! Whether the process lives (`/healthz`) and whether it can do its work (`/readyz`): Postgres, Kafka and the registry
//! answer, what comes in is sent to the log, and no read model has stopped. Both are open, so they say what is away but not where it is or why; the
//! reason goes to the log. Answers are kept for a second, so that asking costs the others nothing.
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use brainops_outbox::OutboxState;
use brainops_saga::Stopped;
use futures::future::join_all;
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::doors::Doors;
use crate::fault::is_not_installed;

/// The longest that one part may take to answer.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const OUTBOX: &str = "outbox";
/// How long an answer is good for.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Why a part is not ready.
#[derive(Debug, thiserror::Error)]
#[error("{class}")]
pub struct NotReady {
    /// A word for anybody to read, such as `unreachable`.
    pub class: &'static str,
    /// What was seen, for the log only.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// Asks a part that the doors need whether it answers.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Name of the part, such as `kafka`.
    fn name(&self) -> &'static str;

    /// Asks it. A probe that takes longer than two seconds counts as not ready.
    ///
    /// # Errors
    /// When it does not answer, or answers that it cannot work.
    async fn check(&self) -> Result<(), NotReady>;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Part {
    name: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Part {
    fn ready(name: impl Into<String>) -> Self {
        Self { name: name.into(), ready: true, reason: None }
    }

    fn not_ready(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), ready: false, reason: Some(reason.into()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Report {
    ready: bool,
    parts: Vec<Part>,
}

/// The parts that are asked, and what they last said.
pub struct Readiness {
    pool: PgPool,
    probes: Vec<Box<dyn Probe>>,
    last: Mutex<Option<(Instant, Report)>>,
}

impl Readiness {
    pub fn new(pool: PgPool, probes: Vec<Box<dyn Probe>>) -> Self {
        Self { pool, probes, last: Mutex::new(None) }
    }

    /// What the parts say; callers that come at the same time share one round of questions.
    async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((asked_at, report)) = &*last
            && asked_at.elapsed() < KEPT_FOR
        {
            return report.clone();
        }
        let report = self.ask().await;
        let before = last.as_ref().map(|(_, report)| report);
        if !report.ready && before != Some(&report) {
            tracing::warn!(parts = ?report.parts, "not ready");
        }
        *last = Some((Instant::now(), report.clone()));
        report
    }

    async fn ask(&self) -> Report {
        let asked = join_all(self.probes.iter().map(|probe| ask_probe(probe.as_ref())));
        let (mut parts, read_models, outbox, agents) =
            tokio::join!(asked, self.ask_read_models(), self.ask_outbox(), self.ask_agents());
        parts.extend(read_models);
        parts.push(outbox);
        parts.extend(agents);
        Report { ready: parts.iter().all(|part| part.ready), parts }
    }

    /// Whether events that come in are sent to the log.
    async fn ask_outbox(&self) -> Part {
        match timeout(PROBE_LIMIT, brainops_outbox::state(&self.pool)).await {
            Ok(Ok(state)) => outbox_part(&state),
            Ok(Err(error)) if is_not_installed(&error) => Part::not_ready(OUTBOX, "not installed"),
            Ok(Err(_)) | Err(_) => Part::not_ready(OUTBOX, "unreachable"), // as Postgres is, which says why
        }
    }

    /// Agents that somebody has stopped. That is as it should be, so all is ready; but it is said.
    async fn ask_agents(&self) -> Vec<Part> {
        let asked = timeout(PROBE_LIMIT, brainops_saga::stopped(&self.pool)).await;
        let stopped = asked.ok().and_then(Result::ok).unwrap_or_default(); // as Postgres is, which says why
        stopped.iter().map(agents_part).collect()
    }

    /// Postgres and, when it answers, each read model that is served from it.
    async fn ask_read_models(&self) -> Vec<Part> {
        let rows = sqlx::query_as(include_str!("../queries/stopped.sql")).fetch_all(&self.pool);
        let failed: Box<dyn Error + Send + Sync> = match timeout(PROBE_LIMIT, rows).await {
            Ok(Ok(rows)) => return read_model_parts(rows),
            Ok(Err(error)) if is_not_installed(&error) => return read_model_parts(Vec::new()),
            Ok(Err(error)) => error.into(),
            Err(late) => late.into(),
        };
        tracing::debug!(error = %brainops_event::error_chain(failed.as_ref()), "postgres did not answer the readiness question");
        vec![Part::not_ready("postgres", "unreachable")]
    }
}

fn agents_part(stopped: &Stopped) -> Part {
    let since = brainops_event::format_timestamp(&stopped.since);
    let name = stopped.agent.as_ref().map_or_else(|| "agents".to_owned(), |agent| format!("agent {agent}"));
    Part { reason: Some(format!("stopped since {since} by {}", stopped.by)), ..Part::ready(name) }
}

fn outbox_part(state: &OutboxState) -> Part {
    let closed = state.shards.iter().filter(|shard| !shard.open).count();
    if !state.stopped.is_empty() {
        Part::not_ready(OUTBOX, format!("partitions stopped: {}", state.stopped.len()))
    } else if state.is_open() {
        Part::ready(OUTBOX)
    } else {
        Part::not_ready(
            OUTBOX,
            format!("shards without a relay that is ready: {closed} of {}", state.shards.len()),
        )
    }
}

fn read_model_parts(rows: Vec<(String, i64)>) -> Vec<Part> {
    let none = rows.is_empty().then(|| Part::not_ready("read models", "none is installed"));
    let postgres = std::iter::once(Part::ready("postgres"));
    postgres.chain(none).chain(rows.into_iter().map(read_model_part)).collect()
}

fn read_model_part((name, stopped): (String, i64)) -> Part {
    let name = format!("read model {name}");
    if stopped == 0 {
        Part::ready(name)
    } else {
        Part::not_ready(name, format!("partitions stopped: {stopped}"))
    }
}

async fn ask_probe(probe: &dyn Probe) -> Part {
    match timeout(PROBE_LIMIT, probe.check()).await {
        Ok(Ok(())) => Part::ready(probe.name()),
        Ok(Err(not_ready)) => {
            tracing::debug!(part = probe.name(), error = ?not_ready.source, "not ready: {not_ready}");
            Part::not_ready(probe.name(), not_ready.class)
        }
        Err(_) => Part::not_ready(probe.name(), "no answer in time"),
    }
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> Response {
    Json(serde_json::json!({ "alive": true })).into_response()
}

/// `GET /readyz`: 200 when every part is ready, else 503; both list the parts.
pub async fn readyz(State(doors): State<Arc<Doors>>) -> Response {
    let report = doors.readiness.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}
