//! What a `deployment.*` event says, apart from names.

use std::fmt;
use std::str::FromStr;

use brainops_event::Timestamp;

/// What a deployment has come to; also what one fact says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It runs.
    Started,
    /// It serves, or did.
    Succeeded,
    /// It never served, or broke.
    Failed,
    /// It was undone.
    RolledBack,
}

/// A stored status that is none; the word stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status of a deployment, accepted is started, succeeded, failed or rolled_back")]
pub struct UnknownStatus(pub String);

impl Status {
    const ALL: [Self; 4] = [Self::Started, Self::Succeeded, Self::Failed, Self::RolledBack];

    /// The word in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
        }
    }

    /// The status that an event of this type reports; none when it is no business of ours.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        match event_type {
            "deployment.started" => Some(Self::Started),
            "deployment.succeeded" => Some(Self::Succeeded),
            "deployment.failed" => Some(Self::Failed),
            "deployment.rolled_back" => Some(Self::RolledBack),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// One fact: what happened, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fact {
    pub status: Status,
    pub at: Timestamp,
}
