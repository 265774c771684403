//! What became of one event that a door was given, as the answer says it.
use brainops_event::{Outgoing, Position, format_timestamp};
use serde::Serialize;

use crate::append::{Acknowledged, AppendFailure};

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

/// A place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Full name of the topic.
    pub topic: String,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition, decimal; a string, since CloudEvents integers have 32 bits.
    pub offset: String,
}

impl From<&Position> for Place {
    fn from(position: &Position) -> Self {
        Self {
            topic: position.topic.to_string(),
            partition: position.partition.get(),
            offset: position.offset.to_string(),
        }
    }
}

/// Whether the log holds the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Kafka acknowledged the event here.
    Acknowledged {
        /// Where it stands.
        #[serde(flatten)]
        place: Place,
        /// When the log took it.
        recorded_at: String,
        /// True when it was said before: this is where it stands first, and nothing was appended.
        repeated: bool,
    },
    /// An event with the same source and id, and other content, was said before; this one was not appended.
    Conflict {
        /// Always true: nothing was appended.
        repeated: bool,
        /// Where the event stands that has the identity; none while it is on its way.
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<Place>,
        /// What was in the way.
        failure: String,
    },
    /// Not acknowledged: sending the same event again is safe and needed.
    Failed {
        /// What was in the way.
        failure: String,
    },
}

impl Outcome {
    fn of(result: Result<Acknowledged, AppendFailure>) -> Self {
        match result {
            Ok(Acknowledged { position, recorded_at, repeated }) => Self::Acknowledged {
                place: Place::from(&position),
                recorded_at: format_timestamp(&recorded_at),
                repeated,
            },
            Err(failure @ AppendFailure::Conflict { .. }) => {
                let failure_text = failure.to_string();
                let first = failure.first().map(Place::from);
                Self::Conflict { repeated: true, first, failure: failure_text }
            }
            Err(failure) => Self::Failed { failure: failure.to_string() },
        }
    }
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
        EventOutcome {
            id: self.id,
            source: self.source,
            r#type: self.event_type,
            outcome: Outcome::of(result),
        }
    }
}
