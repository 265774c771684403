//! Why a projection as a whole ends.

use brainops_event::{Position, PositionError};
use brainops_log::ReadError;
use thiserror::Error;

use crate::error::FoldError;
use crate::generation::{ModelName, ServingError};
use crate::reason::ReasonClass;

/// Why a projection ended. What can pass is tried again inside, so all of these want a person.
#[derive(Debug, Error)]
pub enum RunError {
    /// It is not known which generation to fill.
    #[error("cannot begin")]
    Serving(#[from] ServingError),
    /// A topic of the read model can be none.
    #[error("read model {read_model} names an impossible topic")]
    Topic {
        /// The read model.
        read_model: ModelName,
        /// Why.
        source: PositionError,
    },
    /// The read model's own code is at fault: no event can be blamed, so all partitions stand.
    #[error("the fold of {read_model} is at fault{}", at(position.as_ref()))]
    Model {
        /// The read model.
        read_model: ModelName,
        /// The event at which it showed, if at one.
        position: Option<Position>,
        /// What it did.
        source: Box<FoldError>,
    },
    /// A row broke a rule of its table, which the fold should have seen: all partitions stand.
    #[error("a row of {read_model} broke a rule of its table")]
    Constraint {
        /// The read model.
        read_model: ModelName,
        /// The rule.
        source: sqlx::Error,
    },
    /// The database refuses in a way that does not pass.
    #[error("the database refuses what {read_model} does")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// Why.
        source: sqlx::Error,
    },
    /// The batch in flight did not end in time after shutdown was asked for; it is rolled back.
    #[error("the batch in flight of {read_model} did not end within {limit_s} s of the shutdown")]
    DrainTimedOut {
        /// The read model.
        read_model: ModelName,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// Checkpoints say something that no history of this program explains.
    #[error("the checkpoints of {read_model} contradict each other")]
    ImpossibleCheckpoint {
        /// The read model.
        read_model: ModelName,
    },
    /// A member of the group ended by a panic outside of the fold.
    #[error("a writer of {read_model} panicked")]
    Panicked {
        /// The read model.
        read_model: ModelName,
        /// The panic.
        source: tokio::task::JoinError,
    },
    /// Kafka refuses in a way that does not pass.
    #[error("the log refuses what {read_model} asks")]
    Read {
        /// The read model.
        read_model: ModelName,
        /// Why.
        source: Box<ReadError>,
    },
}

impl RunError {
    /// The class under which the partitions that stand because of it are shown.
    pub(crate) fn class(&self) -> ReasonClass {
        match self {
            Self::Model { .. } | Self::Constraint { .. } => ReasonClass::ApplyEvent,
            _ => ReasonClass::Other,
        }
    }

    /// The event at which it showed, if at one.
    pub(crate) fn position(&self) -> Option<&Position> {
        match self {
            Self::Model { position, .. } => position.as_ref(),
            _ => None,
        }
    }
}

fn at(position: Option<&Position>) -> String {
    position.map_or_else(String::new, |position| format!(" at {position}"))
}
