//! `/tasks`: work for many hands. A worker claims a task for a while, and says what became of it under the epoch of its claim;
//! what it says after its lease is refused, with who has the task then.
mod asked;
mod desk;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use brainops_event::{error_chain, format_timestamp};
use brainops_outbox::AppendError;
use brainops_task::{
    Failed, Filter, Kind as TaskKind, ShownTask, State as TaskState, TaskError, TaskName, find, list,
};
use serde_json::{Value, json};

pub use desk::TaskDesk;

use crate::auth::Principal;
use crate::body::{media_type, read_body};
use crate::doors::Doors;
use crate::fault::database_problem;
use crate::problem::{FieldProblem, Kind, Problem};
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, Params, Question};

const JSON: &[&str] = &["application/json"];
const STATES: &[&str] = &["all", "open", "abandoned", "cancelled", "completed"];

/// `GET /tasks?kind=&state=&limit=&cursor=`: in the order of their turns, open ones unless `state` says otherwise; or
/// `GET /tasks?source=&id=`: one task.
pub async fn look(State(doors): State<Arc<Doors>>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["kind", "state", "limit", "cursor", "source", "id"])?;
    if params.text("source").is_some() || params.text("id").is_some() {
        Params::of(&uri, &["source", "id"])?;
        let name =
            TaskName { source: params.required("source")?.to_owned(), id: params.required("id")?.to_owned() };
        let task = find(&doors.pool, &name).await.map_err(|error| problem(&error))?;
        let task = task.ok_or_else(|| problem(&TaskError::Unknown { task: name }))?;
        return Ok(Json(ShownTask::of(&task)).into_response());
    }
    let (kind, state) = (params.text("kind"), params.word("state", STATES)?);
    let limit = usize::try_from(params.limit(DEFAULT_LIMIT, MAX_LIMIT)?).unwrap_or(1);
    let question = Question::new("tasks", &[kind, state]);
    let after = params.text("cursor").map(|cursor| question.keys::<2>(cursor)).transpose()?;
    let kind = kind.map(TaskKind::new).transpose();
    let filter = Filter {
        kind: kind.map_err(|error| Problem::parameter(asked::field("kind", &error)))?,
        state: TaskState::ALL.into_iter().find(|one| Some(one.as_str()) == state),
        all: state == Some("all"),
        after: after.map(|[source, id]| TaskName { source, id }),
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let mut tasks = list(&doors.pool, &filter).await.map_err(|error| problem(&error))?;
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    let last = tasks.last().filter(|_| more);
    let next_cursor = last.map(|last| question.after(&[&last.name.source, &last.name.id]));
    let rows: Vec<ShownTask> = tasks.iter().map(ShownTask::of).collect();
    Ok(Json(json!({ "rows": rows, "next_cursor": next_cursor })).into_response())
}

/// `POST /tasks/claim`: the task whose turn it is, and the epoch of the claim; 204 when there is none now.
pub async fn claim(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let document = body_of(&doors, &headers, body).await?;
    let (kinds, worker, lease) = asked::claim(&document).map_err(refused)?;
    match doors.tasks.claim(&kinds, &worker, lease).await.map_err(|error| problem(&error))? {
        Some(claimed) => Ok(Json(ShownTask::of(&claimed.task)).into_response()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// `POST /tasks/renew`: lets the lease last so long from now.
pub async fn renew(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let document = body_of(&doors, &headers, body).await?;
    let (claim, lease) = asked::renew(&document).map_err(refused)?;
    let until = doors.tasks.renew(&claim, lease).await.map_err(|error| problem(&error))?;
    Ok(Json(json!({ "ready_at": format_timestamp(&until) })).into_response())
}

/// `POST /tasks/release`: gives the task back undone.
pub async fn release(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let document = body_of(&doors, &headers, body).await?;
    let (claim, not_before) = asked::release(&document).map_err(refused)?;
    doors.tasks.release(&claim, not_before).await.map_err(|error| problem(&error))?;
    Ok(state(TaskState::Open))
}

/// `POST /tasks/complete`: it is done; the event that says so is on its way to the log.
pub async fn complete(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let document = body_of(&doors, &headers, body).await?;
    let (claim, outcome) = asked::complete(&document).map_err(refused)?;
    doors.tasks.complete(&claim, &outcome).await.map_err(|error| problem(&error))?;
    Ok(state(TaskState::Completed))
}

/// `POST /tasks/fail`: it could not be done; the answer says when it is handed out again, or that it is abandoned.
pub async fn fail(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let document = body_of(&doors, &headers, body).await?;
    let (claim, reason, pause) = asked::fail(&document).map_err(refused)?;
    match doors.tasks.fail(&claim, &reason, pause).await.map_err(|error| problem(&error))? {
        Failed::Again { retry_at } => {
            let open = TaskState::Open.as_str();
            Ok(Json(json!({ "state": open, "retry_at": format_timestamp(&retry_at) })).into_response())
        }
        Failed::Abandoned => Ok(state(TaskState::Abandoned)),
    }
}

/// `POST /tasks/cancel`: it is not wanted any more.
pub async fn cancel(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let document = body_of(&doors, &headers, body).await?;
    let (name, decider) = asked::cancel(&document, principal.0).map_err(refused)?;
    doors.tasks.cancel(&name, &decider).await.map_err(|error| problem(&error))?;
    Ok(state(TaskState::Cancelled))
}

async fn body_of(doors: &Doors, headers: &HeaderMap, body: Body) -> Result<Value, Problem> {
    media_type(headers, JSON)?;
    let body = read_body(headers, body, doors.config.max_body_bytes).await?;
    asked::document(&body).map_err(refused)
}

fn state(state: TaskState) -> Response {
    Json(json!({ "state": state.as_str() })).into_response()
}

fn refused(error: FieldProblem) -> Problem {
    Problem::invalid(vec![error])
}

fn problem(error: &TaskError) -> Problem {
    match error {
        TaskError::Field(wrong) => refused(asked::field(wrong.field, wrong)),
        TaskError::Unknown { .. } => Problem::new(
            Kind::NoSuchTask,
            "there is no task of this source and id, or it was not followed yet",
        ),
        TaskError::Lost { holder, .. } => {
            Problem::new(Kind::ClaimLost, format!("the claim does not count any more: {holder}"))
        }
        TaskError::Ended { state, .. } => Problem::new(Kind::TaskEnded, format!("the task is {state}")),
        TaskError::SaidOtherwise { .. } => {
            Problem::new(Kind::TaskEnded, "the log tells another end of the task, which is not followed yet")
        }
        TaskError::Database(error) => database_problem(error),
        TaskError::Append(source) if matches!(**source, AppendError::Full { .. }) => {
            Problem::new(Kind::Full, "too many events wait for the log; nothing was changed")
        }
        TaskError::Append(source) if source.is_transient() => {
            Problem::new(Kind::Unavailable, "it cannot be told to the log now; nothing was changed")
        }
        TaskError::Append(_) | TaskError::Say { .. } => {
            tracing::error!(error = %error_chain(error), "what became of a task cannot be said");
            Problem::new(Kind::Internal, "what became of the task cannot be said")
        }
    }
}
