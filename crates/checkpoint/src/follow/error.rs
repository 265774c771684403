//! Why a topic cannot be followed.

use brainops_event::PositionError;
use brainops_log::ReadError;
use thiserror::Error;

/// A topic cannot be followed without a person. What passes by itself is waited for.
#[derive(Debug, Error)]
pub enum FollowError {
    /// The topic cannot have that name.
    #[error("the topic of {what} cannot be named")]
    Topic {
        /// What is followed.
        what: &'static str,
        /// What is wrong with the name.
        source: PositionError,
    },
    /// The log cannot be read, and trying again does not help.
    #[error("the log of {what} cannot be read")]
    Read {
        /// What is followed.
        what: &'static str,
        /// Why.
        source: Box<ReadError>,
    },
    /// Postgres refuses what it should take: statement, rights or schema are wrong.
    #[error("the database refuses what {what} are")]
    Database {
        /// What is followed.
        what: &'static str,
        /// The answer.
        source: sqlx::Error,
    },
    /// Checkpoints say something that no history explains.
    #[error("the checkpoints of {what} are not explained by anything this program did")]
    ImpossibleCheckpoint {
        /// What is followed.
        what: &'static str,
    },
    /// The batch in flight did not end in time after shutdown was asked for; it is rolled back.
    #[error("a batch of {what} did not end within {limit_s} s")]
    DrainTimedOut {
        /// What is followed.
        what: &'static str,
        /// The limit, in seconds.
        limit_s: u64,
    },
}

/// Why work halts.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Shutdown was asked for during a wait; nothing of what was under way is written.
    ShutDown,
    /// A person is needed.
    Fault(FollowError),
    /// The log's reader failed; following may begin anew.
    Read(ReadError),
}

impl From<FollowError> for Halt {
    fn from(fault: FollowError) -> Self {
        Self::Fault(fault)
    }
}
