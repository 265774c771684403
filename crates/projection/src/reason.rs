//! Why a partition of a read model stands still or a record is parked, as a name that a console can show and a person
//! can search for.

use std::fmt;

/// The class of a failure, stored by name in `brainops.progress.reason_class` and in the generation's `parked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonClass {
    /// The fold refused the event, panicked at it, or made a value that its table cannot hold.
    ApplyEvent,
    /// The bytes of the event do not fit the schema that they name.
    EventSerialization,
    /// The schema of the event is not known: a deployment is behind, rather than the data bad.
    UnknownEventType,
    /// The record's key is not its subject, or its partition not that of its key.
    Misplaced,
    /// Too many subjects were parked: the read model stands until a person resumes it.
    Paused,
    /// The log delivered something else than what follows the checkpoint.
    ProgressionOutOfOrder,
    /// The topic was deleted and made again: its id is not the one that the checkpoint knows.
    TopicReplaced,
    /// The log no longer holds the record that follows the checkpoint.
    RetentionPassed,
    /// The log holds another record at the checkpoint than the one that was folded.
    RecordChanged,
    /// The instance that followed the partition ended in good order; nothing is wrong.
    ShutDown,
    /// Following was broken off and begins anew by itself; the message says why.
    Interrupted,
    /// Anything else; the message says what.
    Other,
}

impl ReasonClass {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApplyEvent => "ApplyEvent",
            Self::EventSerialization => "EventSerialization",
            Self::UnknownEventType => "UnknownEventType",
            Self::Misplaced => "Misplaced",
            Self::Paused => "Paused",
            Self::ProgressionOutOfOrder => "ProgressionOutOfOrder",
            Self::TopicReplaced => "TopicReplaced",
            Self::RetentionPassed => "RetentionPassed",
            Self::RecordChanged => "RecordChanged",
            Self::ShutDown => "ShutDown",
            Self::Interrupted => "Interrupted",
            Self::Other => "Other",
        }
    }

    /// The class that is stored under a name; [`ReasonClass::Other`] when none is.
    pub(crate) fn from_name(name: &str) -> Self {
        let all = [
            Self::ApplyEvent,
            Self::EventSerialization,
            Self::UnknownEventType,
            Self::Misplaced,
            Self::Paused,
            Self::ProgressionOutOfOrder,
            Self::TopicReplaced,
            Self::RetentionPassed,
            Self::RecordChanged,
            Self::ShutDown,
            Self::Interrupted,
        ];
        let found = all.into_iter().find(|class| class.as_str().eq_ignore_ascii_case(name));
        found.unwrap_or(Self::Other)
    }
}

impl fmt::Display for ReasonClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
