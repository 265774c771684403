//! `GET /projections/{name}/moments` and `GET /projections/{name}/moments/{number}`: past moments that are there or on
//! their way.
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use brainops_event::{Frontier, Timestamp};
use brainops_projection::{
    ListedMoment, ModelName, RebuildProgress, RebuildState, ServingError, list_moments, serving,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::params::Params;
use super::show;
use crate::doors::Doors;
use crate::fault::database_problem;
use crate::problem::{Kind, Problem};

/// A past moment and how far its making is.
#[derive(Debug, Serialize)]
pub struct Job {
    read_model: String,
    number: i32,
    /// Its tables, for whoever may ask Postgres.
    schema: String,
    /// `making`, `paused`, `ready`, `failed` or `cancelled`.
    state: &'static str,
    /// Why it has failed or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The question that it was made for.
    asked: Value,
    /// The rows are the fold of all events before these offsets, once it is ready.
    frontier: Frontier,
    /// Only events that happened until then; null: all up to the frontier.
    #[serde(serialize_with = "show::optional_moment")]
    happened_to: Option<Timestamp>,
    /// Null when there is nothing to count: it is ready, or little is left to fold after an earlier moment.
    progress: Option<Progress>,
    /// When it may be dropped, if nobody asks for it until then; null: it is kept.
    #[serde(serialize_with = "show::optional_moment")]
    expires_at: Option<Timestamp>,
}

/// How far the making is. Offsets stand for events: not all need to hold one.
#[derive(Debug, Serialize)]
struct Progress {
    /// From 0 to 1.
    share: f64,
    events_folded: i64,
    events: i64,
}

impl Job {
    pub fn of(moment: &ListedMoment) -> Self {
        let ListedMoment { state, asked, progress } = moment;
        let has_ended = matches!(state.making, RebuildState::Failed | RebuildState::Cancelled);
        Self {
            read_model: state.generation.read_model.to_string(),
            number: state.generation.number,
            schema: state.generation.schema(),
            state: if state.is_ready { "ready" } else { name(state.making) },
            // Why somebody paused it is for those who fold, and may name what only they have.
            reason: state.reason.clone().filter(|_| has_ended),
            asked: asked.clone(),
            frontier: state.frontier.clone(),
            happened_to: state.happened_to,
            progress: progress.as_ref().map(Progress::of),
            expires_at: state.expires_at,
        }
    }

    /// Where it is shown.
    pub fn path(&self) -> String {
        format!("/projections/{}/moments/{}", self.read_model, self.number)
    }
}

impl Progress {
    fn of(progress: &RebuildProgress) -> Self {
        Self { share: progress.share(), events_folded: progress.offsets_folded, events: progress.offsets }
    }
}

/// A rebuild that is done and not ready yet is about to be.
fn name(making: RebuildState) -> &'static str {
    match making {
        RebuildState::Running | RebuildState::Done => "making",
        RebuildState::Paused => "paused",
        RebuildState::Failed => "failed",
        RebuildState::Cancelled => "cancelled",
    }
}

/// `GET /projections/{name}/moments`: the latest first.
pub async fn list(
    State(doors): State<Arc<Doors>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(&uri, &[])?;
    let read_model = known(&doors, &name).await?;
    let moments = list_moments(&doors.pool, &read_model, None).await;
    let rows: Vec<Job> = moments.map_err(|error| database_problem(&error))?.iter().map(Job::of).collect();
    Ok(Json(json!({ "rows": rows })).into_response())
}

/// `GET /projections/{name}/moments/{number}`: also while it is made.
pub async fn show(
    State(doors): State<Arc<Doors>>,
    Path((name, number)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(&uri, &[])?;
    let gone = || Problem::new(Kind::NoSuchMoment, "the read model has no past moment of this number");
    let number: i32 = number.parse().map_err(|_| gone())?;
    let read_model = known(&doors, &name).await?;
    let moments = list_moments(&doors.pool, &read_model, Some(number)).await;
    let moments = moments.map_err(|error| database_problem(&error))?;
    Ok(Json(Job::of(moments.first().ok_or_else(gone)?)).into_response())
}

/// The read model of this name, if there is one.
async fn known(doors: &Doors, name: &str) -> Result<ModelName, Problem> {
    match serving(&doors.pool, name).await {
        Ok(generation) => Ok(generation.read_model),
        Err(ServingError::Name(_) | ServingError::NotInstalled { .. }) => {
            Err(Problem::new(Kind::NoSuchMoment, "no read model of this name is installed"))
        }
        Err(ServingError::Database { source, .. }) => Err(database_problem(&source)),
    }
}
