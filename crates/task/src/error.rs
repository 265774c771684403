//! Why something cannot be done with a task.

use brainops_event::{AttributeError, EncodeError};
use brainops_outbox::AppendError;
use thiserror::Error;

use crate::name::TaskName;
use crate::row::State;
use crate::standing::Holder;

/// A value cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} must be {expected}")]
pub struct FieldError {
    /// Which field.
    pub field: &'static str,
    /// What is accepted.
    pub expected: &'static str,
}

/// Something cannot be done with a task.
#[derive(Debug, Error)]
pub enum TaskError {
    /// A value cannot be true. Trying again does not help.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// There is none of this name, or its event was not followed yet.
    #[error("there is no task {task}")]
    Unknown {
        /// Which.
        task: TaskName,
    },
    /// The claim does not count any more: what was done under it is nobody's.
    #[error("the claim {epoch} on the task {task} does not count any more: {holder}")]
    Lost {
        /// Which task.
        task: TaskName,
        /// The claim's epoch.
        epoch: i64,
        /// Who has it now.
        holder: Holder,
    },
    /// It has ended otherwise. Trying again does not help.
    #[error("the task {task} is {state}")]
    Ended {
        /// Which task.
        task: TaskName,
        /// How.
        state: State,
    },
    /// The log tells this end of the task in other words, which the table does not know yet.
    #[error("of the task {task} this was said before, in other words")]
    SaidOtherwise {
        /// Which task.
        task: TaskName,
    },
    /// The event cannot be made.
    #[error("what became of the task {task} cannot be said")]
    Say {
        /// Which task.
        task: TaskName,
        /// Why.
        #[source]
        source: SayError,
    },
    /// The event cannot be appended. See [`AppendError::is_transient`].
    #[error("what became of a task cannot be appended")]
    Append(#[source] Box<AppendError>),
    /// The database does not do what it should. Trying again can help, and does no harm: a claim ends its task once.
    #[error("tasks cannot be reached")]
    Database(#[from] sqlx::Error),
}

/// An event about a task cannot be made.
#[derive(Debug, Error)]
pub enum SayError {
    /// An attribute is against its rule.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// The data does not fit.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl TaskError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Append(error) => error.is_transient(),
            Self::Database(error) => {
                brainops_checkpoint::sqlstate::remedy(error) == brainops_checkpoint::sqlstate::Remedy::Retry
            }
            _ => false,
        }
    }
}
