//! What a door says about events that it was given: where each one lies in the log, or why it may not be there.
//!
//! 202 means that the log holds all of them. When it does not, the answer is a problem whose `results` list every
//! event, those that were acknowledged too, and not 207: a caller that looks at nothing but the status must send all
//! of them again, and that is harmless, since (`source`, `id`) counts once.
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use brainops_event::Outgoing;

use crate::append::{Acknowledged, AppendFailure};
use crate::doors::Doors;
use crate::metric_names::DOOR_EVENTS;
use crate::outcome::{Asked, EventOutcome};
use crate::problem::{FieldProblem, Kind, Problem};

/// Who chose the ids of the events, and so what it means that one was said before with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// The caller: the one event, or those of the batch, that has such an id is refused.
    OfTheCaller {
        /// Whether the body was a list, so that fields are named by their place in it.
        batch: bool,
    },
    /// A provider chose that of the delivery, which comes first; those of the facts that we read out of it follow
    /// from it. A fact that was told before is told, even if the provider words it otherwise now: what stands counts,
    /// and the delivery beside it keeps the new words.
    OfADelivery,
}

impl Ids {
    fn stands(self, place: usize, failure: &AppendFailure) -> bool {
        let is_fact = self == Self::OfADelivery && place > 0;
        is_fact && matches!(failure, AppendFailure::Conflict { first: Some(_) })
    }

    fn field(self, place: usize) -> String {
        match self {
            Self::OfTheCaller { batch: true } => format!("[{place}].id"),
            Self::OfTheCaller { batch: false } | Self::OfADelivery => "id".to_owned(),
        }
    }
}

/// Appends the events in their order and says what became of each.
///
/// # Errors
/// 413 when one is too large for its topic (then none is appended), 409 when an id was said before with other content,
/// 429 when the outbox is full, 503 when it is away, 504 when the log has not acknowledged in time.
pub async fn append_and_answer(
    doors: &Doors,
    door: &'static str,
    ids: Ids,
    events: Vec<Outgoing>,
) -> Result<Response, Problem> {
    if let Some(failure) = events.iter().find_map(|event| doors.appender.check(event).err()) {
        return Err(problem_of(&failure));
    }
    let asked: Vec<Asked> = events.iter().map(Asked::of).collect();
    let results = doors.appender.append_all(events).await;
    count(door, &results);
    let problem = problem_with(ids, &results);
    let outcomes = asked.into_iter().zip(results).map(|(asked, result)| asked.answered(result)).collect();
    match problem {
        None => Ok((StatusCode::ACCEPTED, Json::<Vec<EventOutcome>>(outcomes)).into_response()),
        Some(problem) => Err(problem.with_results(outcomes)),
    }
}

type Appended = Result<Acknowledged, AppendFailure>;

/// The problem that decides whether the same request again can help: one that cannot comes first.
fn problem_with(ids: Ids, results: &[Appended]) -> Option<Problem> {
    let failures = || {
        let failed =
            results.iter().enumerate().filter_map(|(place, result)| Some((place, result.as_ref().err()?)));
        failed.filter(move |(place, failure)| !ids.stands(*place, failure))
    };
    let (_, decisive) =
        failures().max_by_key(|(place, failure)| (failure.weight(), std::cmp::Reverse(*place)))?;
    let problem = problem_of(decisive);
    let conflicts = failures().filter_map(|(place, failure)| conflict(ids.field(place), failure)).collect();
    Some(problem.with_errors(conflicts))
}

/// The field that is wrong when an id was said before with other content.
fn conflict(field: String, failure: &AppendFailure) -> Option<FieldProblem> {
    let AppendFailure::Conflict { first } = failure else { return None };
    let expected = "an id that this source has not given to an event of another type, subject or data";
    let found = match first {
        Some(position) => format!("the id of the event at {position}"),
        None => "the id of an event that is on its way to the log".to_owned(),
    };
    Some(FieldProblem::new(field, expected, found))
}

fn problem_of(failure: &AppendFailure) -> Problem {
    let kind = match failure {
        AppendFailure::TooLarge { .. } => Kind::TooLarge,
        AppendFailure::Conflict { .. } => Kind::Conflict,
        AppendFailure::Full { .. } => Kind::Full,
        AppendFailure::Unavailable | AppendFailure::NotTried => Kind::Unavailable,
        AppendFailure::Unacknowledged => Kind::Unacknowledged,
        AppendFailure::Refused => Kind::Internal,
    };
    let problem = Problem::new(kind, failure.to_string());
    match failure {
        AppendFailure::Full { retry_after } => problem.retry_after(*retry_after),
        _ => problem,
    }
}

fn count(door: &'static str, results: &[Appended]) {
    for result in results {
        let outcome = match result {
            Ok(Acknowledged { repeated: false, .. }) => "acknowledged",
            Ok(Acknowledged { repeated: true, .. }) => "repeated",
            Err(AppendFailure::Conflict { .. }) => "conflict",
            Err(AppendFailure::Full { .. }) => "full",
            Err(AppendFailure::Unacknowledged) => "unacknowledged",
            Err(_) => "failed",
        };
        metrics::counter!(DOOR_EVENTS, "door" => door, "outcome" => outcome).increment(1);
    }
}
