//! What the outbox answers, as it passes from a worker to the driver.

use brainops_outbox::{AppendError, Receipt};
use serde::{Deserialize, Serialize};

use crate::ledger::Acked;

/// The answer about one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It stands there.
    At {
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
    },
    /// It is to be said again.
    Again(String),
    /// It is never taken.
    Never(String),
}

impl Answer {
    pub(crate) fn of(answer: Result<Receipt, AppendError>) -> Self {
        match answer {
            Ok(receipt) => Self::At {
                partition: receipt.position.partition.get(),
                offset: receipt.position.offset.get(),
            },
            Err(error) if error.is_transient() => Self::Again(error.to_string()),
            Err(error) => Self::Never(error.to_string()),
        }
    }

    pub(crate) fn acked(&self) -> Option<Acked> {
        match *self {
            Self::At { partition, offset } => Some(Acked { partition, offset }),
            Self::Again(_) | Self::Never(_) => None,
        }
    }
}
