//! What can go wrong with one event in a fold.

use brainops_event::DecodeError;
use thiserror::Error;

use crate::reason::ReasonClass;
use crate::value::Unstorable;

/// Why a fold could not take an event.
///
/// All variants are deterministic: the same event with the same rows fails again. Some are about the event (its subject
/// is parked from it on), a panic among them: the next event may be none that the code cannot bear. The others are
/// about the read model's own code, whatever the event (the projection stops).
#[derive(Debug, Error)]
pub enum FoldError {
    /// The body does not fit the schema that it names.
    #[error("the body cannot be decoded")]
    Decode(#[from] DecodeError),
    /// The fold computed a value that its table cannot hold.
    #[error("the value for {table}.{column} cannot be stored: {reason}")]
    Unrepresentable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        reason: Unstorable,
    },
    /// The event contradicts what the fold knows, or lacks what it needs.
    #[error("the event is refused: {reason}")]
    Refused {
        /// Why, in one sentence without personal data.
        reason: String,
    },
    /// The fold read a row that `want` had not named; what it would have read depends on the batch.
    #[error("the fold read a row of {table} that `want` did not name")]
    NotWanted {
        /// The table.
        table: &'static str,
    },
    /// The row wrote a value of another type than its column has.
    #[error("the row wrote {found} where {table}.{column} is {expected}")]
    WrongType {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The column's type.
        expected: &'static str,
        /// The value's type.
        found: &'static str,
    },
    /// The row ended before its last column.
    #[error("the row ended before {table}.{column}")]
    MissingColumn {
        /// The table.
        table: &'static str,
        /// The first column that was not written.
        column: &'static str,
    },
    /// The row wrote more columns than its table has.
    #[error("the row has more columns than {table}")]
    TooManyColumns {
        /// The table.
        table: &'static str,
    },
    /// The fold read back from a table whose rows are only appended.
    #[error("the fold read from {table}, whose rows are only appended")]
    AppendOnly {
        /// The table.
        table: &'static str,
    },
    /// The read model's code panicked at the event.
    #[error("the fold panicked: {message}")]
    Panicked {
        /// The beginning of what the panic said, if it said it as text.
        message: String,
    },
}

impl FoldError {
    /// A refusal by the fold itself.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    /// Whether the read model's code is at fault rather than the event; then no event can be blamed, and the whole
    /// projection stops.
    pub fn is_own_fault(&self) -> bool {
        match self {
            Self::Decode(_) | Self::Unrepresentable { .. } | Self::Refused { .. } | Self::Panicked { .. } => {
                false
            }
            Self::NotWanted { .. }
            | Self::WrongType { .. }
            | Self::MissingColumn { .. }
            | Self::TooManyColumns { .. }
            | Self::AppendOnly { .. } => true,
        }
    }

    /// The class under which the failure is shown.
    pub fn class(&self) -> ReasonClass {
        match self {
            Self::Decode(_) => ReasonClass::EventSerialization,
            Self::Unrepresentable { .. } | Self::Refused { .. } | Self::Panicked { .. } => {
                ReasonClass::ApplyEvent
            }
            _ => ReasonClass::Other,
        }
    }
}
