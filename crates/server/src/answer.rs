//! What a door says about events that it was given: where each one lies in the log, or that it may not be there.
//!
//! 202 means that the log holds all of them. When it does not, the answer is a problem whose `results` list every
//! event, those that were acknowledged too, and not 207: a caller that looks at nothing but the status must send all
//! of them again, and that is harmless, since (`source`, `id`) counts once.
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use brainops_event::{Outgoing, format_timestamp};
use serde::Serialize;

use crate::append::{Acknowledged, AppendFailure};
use crate::doors::Doors;
use crate::metric_names::DOOR_EVENTS;
use crate::problem::{Kind, Problem};

/// Appends the events in their order and says what became of each.
///
/// # Errors
/// 413 when one is too large for its topic (then none is appended), 503 when the log did not acknowledge all.
pub async fn append_and_answer(
    doors: &Doors,
    door: &'static str,
    events: Vec<Outgoing>,
) -> Result<Response, Problem> {
    if let Some(failure) = events.iter().find_map(|event| doors.appender.check(event).err()) {
        return Err(problem_of(&failure));
    }
    let asked: Vec<Asked> = events.iter().map(Asked::of).collect();
    let results = doors.appender.append_all(events).await;
    let problem = problem_with(&results);
    let failed = results.iter().filter(|result| result.is_err()).count();
    count(door, "acknowledged", results.len() - failed);
    count(door, "failed", failed);
    let outcomes = asked.into_iter().zip(results).map(|(asked, result)| asked.answered(result)).collect();
    match problem {
        None => Ok((StatusCode::ACCEPTED, Json::<Vec<EventOutcome>>(outcomes)).into_response()),
        Some(problem) => Err(problem.with_results(outcomes)),
    }
}

/// The problem that decides whether the same request again can help: one that cannot comes first.
fn problem_with(results: &[Result<Acknowledged, AppendFailure>]) -> Option<Problem> {
    let failures = || results.iter().filter_map(|result| result.as_ref().err());
    failures().find(|failure| !failure.may_pass()).or_else(|| failures().next()).map(problem_of)
}

fn problem_of(failure: &AppendFailure) -> Problem {
    let kind = match failure {
        AppendFailure::TooLarge { .. } => Kind::TooLarge,
        AppendFailure::Unacknowledged => Kind::Unavailable,
        AppendFailure::Refused => Kind::Internal,
    };
    Problem::new(kind, failure.to_string())
}

fn count(door: &'static str, outcome: &'static str, events: usize) {
    metrics::counter!(DOOR_EVENTS, "door" => door, "outcome" => outcome).increment(events as u64);
}

/// The identity of an event, and what the log said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventOutcome {
    /// Id of the event, as the caller gave it or as it was derived.
    pub id: String,
    /// Source of the event.
    pub source: String,
    /// Type of the event.
    pub r#type: String,
    /// Where it lies, or why that is unknown.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Whether the log holds the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Kafka acknowledged the event here.
    Acknowledged {
        /// Full name of the topic.
        topic: String,
        /// Partition of the topic.
        partition: i32,
        /// Offset in the partition, decimal; a string, since CloudEvents integers have 32 bits.
        offset: String,
        /// When the log took it.
        recorded_at: String,
        /// True when the log held it already: this is where it stands first, and nothing was appended.
        repeated: bool,
    },
    /// Not acknowledged: sending the same event again is safe and needed.
    Failed {
        /// What was in the way.
        failure: String,
    },
}

/// What identifies an event in an answer; taken before the event is handed over for appending.
#[derive(Clone, Debug)]
pub struct Asked {
    id: String,
    source: String,
    event_type: String,
}

impl Asked {
    pub fn of(event: &Outgoing) -> Self {
        Self {
            id: event.envelope.id().to_string(),
            source: event.envelope.source().to_string(),
            event_type: event.envelope.event_type().to_string(),
        }
    }

    /// The outcome of this event.
    pub fn answered(self, result: Result<Acknowledged, AppendFailure>) -> EventOutcome {
        let outcome = match result {
            Ok(place) => Outcome::Acknowledged {
                topic: place.topic,
                partition: place.partition,
                offset: place.offset.to_string(),
                recorded_at: format_timestamp(&place.recorded_at),
                repeated: place.repeated,
            },
            Err(failure) => Outcome::Failed { failure: failure.to_string() },
        };
        EventOutcome { id: self.id, source: self.source, r#type: self.event_type, outcome }
    }
}
