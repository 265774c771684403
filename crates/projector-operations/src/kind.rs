//! What happened to an incident.

use std::fmt;
use std::str::FromStr;

/// What happened to an incident: each is an event of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// An alert opened it.
    Opened,
    /// An alert joined it.
    Joined,
    /// Somebody took charge.
    Acknowledged,
    /// Nobody did within the term.
    Escalated,
    /// It is over.
    Resolved,
}

/// A stored word that is no kind of entry; the word stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no entry of an incident, accepted is opened, joined, acknowledged, escalated or resolved")]
pub struct UnknownKind(pub String);

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Opened, Self::Joined, Self::Acknowledged, Self::Escalated, Self::Resolved];

    /// The word in the tables, and the last one of the event type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Joined => "joined",
            Self::Acknowledged => "acknowledged",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
        }
    }

    /// The kind that an event of this type reports; none when it is no business of ours.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        event_type.strip_prefix("monitor.incident.")?.parse().ok()
    }
}

impl FromStr for EntryKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        known.ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
