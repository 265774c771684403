//! What every door answers when it cannot do what was asked: `application/problem+json` (RFC 9457) with the fields
//! that were wrong and what is accepted there. Values that the caller sent are never repeated.
use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use brainops_event::AttributeError;
use brainops_event::json::FieldError;
use serde::Serialize;

use crate::outcome::EventOutcome;

/// One field that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Path of the field, such as `[2].data.company`, or the name of a header or query parameter.
    pub field: String,
    /// What is accepted there.
    pub expected: String,
    /// What kind of thing was found there; never the value itself.
    pub found: String,
}

impl FieldProblem {
    pub fn new(field: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { field: field.into(), expected: expected.into(), found: found.into() }
    }

    /// The field cannot be the attribute that is made of it.
    pub fn of_attribute(field: impl Into<String>, error: &AttributeError) -> Self {
        Self::new(field, error.accepted, format!("text that {}", error.flaw))
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self::new(error.field, error.expected, error.found)
    }
}

/// The kinds of problem, each something a caller might treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A header or query parameter is wrong.
    Parameter,
    /// The token or signature is missing or wrong.
    Unauthenticated,
    /// No such path.
    NotFound,
    /// No such past moment, or no such read model.
    NoSuchMoment,
    /// No such saga.
    NoSuchSaga,
    /// No such task.
    NoSuchTask,
    /// The caller's claim on a task does not count any more.
    ClaimLost,
    /// The task has ended.
    TaskEnded,
    /// The path has no such method.
    Method,
    /// The body is larger than the door takes.
    TooLarge,
    /// The body's media type is not accepted here.
    MediaType,
    /// The body says something that cannot be true or understood.
    Invalid,
    /// The id was given to another event before.
    Conflict,
    /// More requests are being worked on than we take at once; later helps.
    Busy,
    /// Too many events wait for the log; later helps.
    Full,
    /// The caller has too many past moments being made; later helps.
    TooManyMoments,
    /// The log has lost its beginning, so the past is not known.
    HistoryGone,
    /// Something that we need is away; the same request again may succeed.
    Unavailable,
    /// What was sent is kept, and the log has not acknowledged it yet; the same request again answers where it stands.
    Unacknowledged,
    /// The answer took too long; what the request asked for may still happen.
    TimedOut,
    /// A fault of ours.
    Internal,
}

impl Kind {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Parameter => (StatusCode::BAD_REQUEST, "parameter", "a header or query parameter is wrong"),
            Self::Unauthenticated => {
                (StatusCode::UNAUTHORIZED, "unauthenticated", "who asks could not be established")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "there is no such door"),
            Self::NoSuchMoment => (StatusCode::NOT_FOUND, "no-such-moment", "there is no such past moment"),
            Self::NoSuchSaga => (StatusCode::NOT_FOUND, "no-such-saga", "there is no such saga"),
            Self::NoSuchTask => (StatusCode::NOT_FOUND, "no-such-task", "there is no such task"),
            Self::ClaimLost => (StatusCode::CONFLICT, "claim-lost", "the claim does not count any more"),
            Self::TaskEnded => (StatusCode::CONFLICT, "task-ended", "the task has ended"),
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "the door does not take this method")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "the body's media type is not accepted")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "the body was not understood"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "the id was given to another event before"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy", "too many requests at once"),
            Self::Full => (StatusCode::TOO_MANY_REQUESTS, "full", "too many events wait for the log"),
            Self::TooManyMoments => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-moments", "too many past moments are being made")
            }
            Self::HistoryGone => (StatusCode::GONE, "history-gone", "the log has lost its beginning"),
            Self::Unacknowledged => {
                (StatusCode::GATEWAY_TIMEOUT, "not-acknowledged", "kept, and not acknowledged by the log yet")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "something that is needed is away")
            }
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed-out", "the answer took too long"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "a fault of the server"),
        }
    }
}

/// When a caller may try again if nothing else is known.
const SOON: Duration = Duration::from_secs(1);

/// The header has whole seconds; rounded up, for trying too early is in vain.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

/// A problem on its way to the caller.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldProblem>,
    results: Vec<EventOutcome>,
    retry_after: Duration,
}

/// The body of the answer.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    results: &'a [EventOutcome],
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), results: Vec::new(), retry_after: SOON }
    }

    /// A header or query parameter is wrong.
    pub fn parameter(error: FieldProblem) -> Self {
        Self::fields(Kind::Parameter, vec![error])
    }

    /// The body has these wrong fields.
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        Self::fields(Kind::Invalid, errors)
    }

    fn fields(kind: Kind, errors: Vec<FieldProblem>) -> Self {
        let detail = errors.first().map_or_else(String::new, |first| {
            format!("{}: expected {}, found {}", first.field, first.expected, first.found)
        });
        Self { errors, ..Self::new(kind, detail) }
    }

    /// The body is larger than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        Self::new(Kind::TooLarge, format!("expected at most {limit} bytes"))
    }

    /// The body's media type is none of these.
    pub fn media_type(accepted: &[&str]) -> Self {
        let error = FieldProblem::new("content-type", accepted.join(" or "), "another media type or none");
        Self::fields(Kind::MediaType, vec![error])
    }

    /// Adds the fields that were wrong.
    pub fn with_errors(mut self, errors: Vec<FieldProblem>) -> Self {
        self.errors = errors;
        self
    }

    /// Says when the same request is worth trying again.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = after;
        self
    }

    /// Adds what became of each event.
    pub fn with_results(mut self, results: Vec<EventOutcome>) -> Self {
        self.results = results;
        self
    }

    #[cfg(test)]
    pub fn errors(&self) -> &[FieldProblem] {
        &self.errors
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind.parts();
        let document = Document {
            r#type: format!("urn:brainops:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            results: &self.results,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.kind {
            Kind::Unauthenticated => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"brainops\""));
            }
            Kind::Busy
            | Kind::Full
            | Kind::TooManyMoments
            | Kind::Unavailable
            | Kind::Unacknowledged
            | Kind::TimedOut => {
                headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(self.retry_after)));
            }
            _ => {}
        }
        response
    }
}
