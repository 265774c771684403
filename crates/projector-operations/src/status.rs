//! Whether an alert fires.

use std::fmt;

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It does.
    Firing,
    /// It did.
    Resolved,
}

impl Status {
    /// The word in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }

    /// The status that an event of this type reports; none when it is no business of ours.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        match event_type {
            "monitor.alert.fired" => Some(Self::Firing),
            "monitor.alert.resolved" => Some(Self::Resolved),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
