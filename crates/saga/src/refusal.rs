//! Why an agent does not react: a class and a code, and never a word of the event.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use brainops_event::{AttributeError, DecodeError, EncodeError};

/// An agent cannot react to an event, and says so instead of guessing: the instance is parked until a person decides.
///
/// It carries a code out of the program's text and nothing else, so that nothing personal can get into logs, rows or
/// events through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {code}", class = .class.as_str())]
pub struct Refusal {
    class: RefusalClass,
    code: &'static str,
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalClass {
    /// The agent, or what it wanted to say, was refused.
    Refused,
    /// The agent's code panicked.
    Panicked,
    /// An undo is known to have failed.
    UndoFailed,
    /// This program has no such version of the agent.
    UnknownVersion,
    /// More waits for the instance than may be kept.
    Overfull,
    /// A decision of that id stands in the log in other words.
    Conflict,
    /// Sagas wake each other, or the chain of causes is too long.
    Looping,
    /// The agent has spent what it allows itself in an hour. The saga goes on by itself in the next one.
    OverBudget,
}

impl RefusalClass {
    const ALL: [Self; 8] = [
        Self::Refused,
        Self::Panicked,
        Self::UndoFailed,
        Self::UnknownVersion,
        Self::Overfull,
        Self::Conflict,
        Self::Looping,
        Self::OverBudget,
    ];

    /// Its name in events and rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Panicked => "panicked",
            Self::UndoFailed => "undo_failed",
            Self::UnknownVersion => "unknown_version",
            Self::Overfull => "overfull",
            Self::Conflict => "conflict",
            Self::Looping => "looping",
            Self::OverBudget => "over_budget",
        }
    }
}

impl Refusal {
    /// A refusal by the agent's code, with a code for people such as `lead_without_owner`.
    #[must_use]
    pub const fn new(code: &'static str) -> Self {
        Self { class: RefusalClass::Refused, code }
    }

    pub(crate) const fn of(class: RefusalClass, code: &'static str) -> Self {
        Self { class, code }
    }

    /// One that stands in the log. There are as many codes as programs have named, so that they may stay for good.
    pub(crate) fn recorded(class: &str, code: &str) -> Self {
        static CODES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
        let known = codes.get(code).copied();
        let code = known.unwrap_or_else(|| Box::leak(code.to_owned().into_boxed_str()));
        codes.insert(code);
        let class = RefusalClass::ALL.into_iter().find(|known| known.as_str() == class);
        Self { class: class.unwrap_or(RefusalClass::Refused), code }
    }

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> RefusalClass {
        self.class
    }

    /// Whether the runtime refused, and not the agent's code: for what stands in the log, or for what the installation lets
    /// the agent do.
    pub(crate) const fn is_by_runtime(&self) -> bool {
        matches!(self.class, RefusalClass::Conflict | RefusalClass::OverBudget | RefusalClass::Looping)
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl From<DecodeError> for Refusal {
    fn from(_: DecodeError) -> Self {
        Self::new("undecodable_event")
    }
}

impl From<EncodeError> for Refusal {
    fn from(_: EncodeError) -> Self {
        Self::new("unencodable_decision")
    }
}

impl From<AttributeError> for Refusal {
    fn from(_: AttributeError) -> Self {
        Self::new("attribute_of_decision")
    }
}
