//! Gives each request an id, a span, a place among those that are worked on, a time limit and its figures. Paths are recorded as their patterns, and neither
//! queries nor bodies at all.
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use crate::doors::Doors;
use crate::metric_names::{HTTP_REQUEST_SECONDS, HTTP_REQUESTS};
use crate::problem::{Kind, Problem};

/// The longest that a request may take, its body included: more than the 30 s after which the log gives an event up,
/// so that the answer can still say what became of each.
const REQUEST_LIMIT: Duration = Duration::from_secs(40);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps a request; its id is ours, so that a caller cannot write into the logs.
pub async fn observe(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = Uuid::now_v7().to_string();
    let method = method_name(request.method());
    let path = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = method, http.path = %path);
    let mut response = async {
        let response = answer_in_time(request, next).await;
        let (status, took) = (response.status().as_u16(), began.elapsed());
        tracing::debug!(http.status = status, duration_ms = took.as_millis() as u64, "answered");
        record(method, path, status, took);
        response
    }
    .instrument(span)
    .await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    response
}

/// Refuses a request when too many are being worked on, before any of its body is read.
pub async fn take_a_place(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
    match doors.places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::new(Kind::Busy, "more requests are being worked on than are taken at once")
            .into_response(),
    }
}

async fn answer_in_time(request: Request, next: Next) -> Response {
    let late = || {
        let seconds = REQUEST_LIMIT.as_secs();
        Problem::new(
            Kind::TimedOut,
            format!(
                "no answer within {seconds} s; what was asked for may still happen, and the same again is safe"
            ),
        )
    };
    tokio::time::timeout(REQUEST_LIMIT, next.run(request)).await.unwrap_or_else(|_| late().into_response())
}

fn record(method: &'static str, path: String, status: u16, took: Duration) {
    let labels = [("method", method.to_owned()), ("path", path), ("status", status.to_string())];
    metrics::counter!(HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(HTTP_REQUEST_SECONDS, &labels[..2]).record(took.as_secs_f64());
}

/// Methods are an open set that callers choose from; figures need a closed one.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}
