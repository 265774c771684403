//! What can become of an event that was not acknowledged.
use brainops_event::{Outgoing, PositionError, TopicName};
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::registry::RegistryError;

/// Why an event has no position.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The queue to the brokers is full; here is the event again. Trying later helps.
    #[error("the queue to kafka is full")]
    QueueFull(Box<Outgoing>),
    /// It was not sent, mostly because something before it failed. Appending it again, in order, helps.
    #[error("the event was not sent")]
    NotSent(#[source] Option<KafkaError>),
    /// No answer, or one that leaves open whether the event stands. Append the same event, with the same id, again,
    /// before any other of its subject.
    #[error("{topic} did not acknowledge the event: it may stand there all the same")]
    Unknown {
        /// Its topic.
        topic: TopicName,
        /// The last that the client said.
        source: KafkaError,
    },
    /// The broker refused it. Trying again does not help.
    #[error("{topic} refused the event")]
    Refused {
        /// Its topic.
        topic: TopicName,
        /// The answer.
        source: KafkaError,
    },
    /// The event is larger than a record may be. Trying again does not help.
    #[error("the event takes {size} bytes, a record may have {limit}")]
    TooLarge {
        /// Bytes of value, key and headers together.
        size: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The id of its schema is not known. See [`RegistryError::is_transient`].
    #[error("the id of its schema is not known")]
    Schema(#[source] RegistryError),
    /// Its topic cannot have that name. Trying again does not help.
    #[error("its topic cannot be named")]
    Topic(#[source] PositionError),
}

/// Whether an event that was not acknowledged may stand in the log all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It does not stand there, and appending it again may succeed.
    NotThereYet,
    /// It does not stand there, and never will as it is.
    NeverThere,
    /// It may stand there: append the same event again.
    Unknown,
}

impl AppendError {
    /// What a caller can rely on.
    pub fn outcome(&self) -> Outcome {
        match self {
            AppendError::QueueFull(_) | AppendError::NotSent(_) => Outcome::NotThereYet,
            AppendError::Unknown { .. } => Outcome::Unknown,
            AppendError::Schema(error) if error.is_transient() => Outcome::NotThereYet,
            AppendError::Refused { .. }
            | AppendError::TooLarge { .. }
            | AppendError::Schema(_)
            | AppendError::Topic(_) => Outcome::NeverThere,
        }
    }
}
