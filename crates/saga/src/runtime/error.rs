//! Why an agent cannot be run on.

use brainops_event::PositionError;
use brainops_log::ReadError;
use thiserror::Error;

use crate::refusal::Refusal;

/// An agent cannot be run on without a person. What passes by itself is waited for.
#[derive(Debug, Error)]
pub enum RunError {
    /// A topic cannot have that name.
    #[error("a topic of the agent {agent} cannot be named")]
    Topic {
        /// The agent.
        agent: &'static str,
        /// Why.
        #[source]
        source: PositionError,
    },
    /// The log cannot be read, and trying again does not help.
    #[error("the agent {agent} cannot read the log")]
    Read {
        /// The agent.
        agent: &'static str,
        /// Why.
        #[source]
        source: Box<ReadError>,
    },
    /// Postgres refuses what it should take: statement, rights or schema are wrong.
    #[error("the database refuses what the agent {agent} does")]
    Database {
        /// The agent.
        agent: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A row holds what this program cannot have written.
    #[error("a row of the agent {agent} cannot be read")]
    Row {
        /// The agent.
        agent: &'static str,
        /// What.
        #[source]
        source: Refusal,
    },
    /// An event cannot be made ready, and trying again does not help.
    #[error("what the agent {agent} decided cannot be appended")]
    Append {
        /// The agent.
        agent: &'static str,
        /// Why.
        #[source]
        source: Box<brainops_outbox::AppendError>,
    },
    /// What is said about a saga stands in the log in other words, also once the input that led to it is refused: somebody
    /// else has said it under this agent's name, or two installations share a log. Nothing is written.
    #[error("what the agent {agent} says about its saga {correlation} stands in the log in other words")]
    SaidInOtherWords {
        /// The agent.
        agent: &'static str,
        /// What the saga is about.
        correlation: String,
    },
    /// Checkpoints say something that no history explains.
    #[error("the checkpoints of the agent {agent} are not explained by anything it did")]
    ImpossibleCheckpoint {
        /// The agent.
        agent: &'static str,
    },
    /// The batch in flight did not end in time after shutdown was asked for; it is rolled back.
    #[error("the agent {agent} did not end its batch within {limit_s} s")]
    DrainTimedOut {
        /// The agent.
        agent: &'static str,
        /// The limit, in seconds.
        limit_s: u64,
    },
}

/// Why work halts.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Shutdown was asked for during a wait; nothing of what was under way is written.
    ShutDown,
    /// The agent cannot go on.
    Fault(RunError),
}

impl From<RunError> for Halt {
    fn from(fault: RunError) -> Self {
        Self::Fault(fault)
    }
}
