//! Names of calls, attempts and callers.

use std::fmt;

use brainops_event::EnvelopeView;
use serde::Deserialize;

/// The event that asked for a call: its name for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallName {
    /// Source of the event.
    pub source: String,
    /// Id of the event.
    pub id: String,
}

impl fmt::Display for CallName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.id, self.source)
    }
}

/// The names that an event about a call gives.
#[derive(Deserialize)]
pub(crate) struct About {
    pub(crate) call_source: String,
    pub(crate) call_id: String,
}

/// What sources of agents begin with.
const AGENTS: &str = "brainops/agent/";
/// The source of calls that people ask for by the command.
pub(crate) const PEOPLE: &str = "brainops/cli";

/// Who asks for a call, as the policy names callers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller {
    /// `Agent`, `Person` or `Service`.
    pub kind: CallerKind,
    /// Its name.
    pub name: String,
}

/// What kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerKind {
    /// An agent of ours, by its name.
    Agent,
    /// A person, by an opaque id such as a login.
    Person,
    /// Anything else, by the source of its events.
    Service,
}

impl CallerKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Person, Self::Service];

    /// Its name in the policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "Agent",
            Self::Person => "Person",
            Self::Service => "Service",
        }
    }
}

impl Caller {
    /// Who has asked with this event. Sources that begin with `brainops/` are ours: doors refuse them to others.
    #[must_use]
    pub fn of(envelope: &EnvelopeView<'_>) -> Self {
        let source = envelope.source();
        if let Some(agent) = source.strip_prefix(AGENTS) {
            return Self { kind: CallerKind::Agent, name: agent.to_owned() };
        }
        match envelope.auth_id() {
            Some(person) if source == PEOPLE => Self { kind: CallerKind::Person, name: person.to_owned() },
            _ => Self { kind: CallerKind::Service, name: source.to_owned() },
        }
    }

    /// Reads `Agent::name`, `Person::name` or `Service::name`, with the name in quotation marks or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once("::")?;
        let kind = CallerKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}::{:?}", self.kind.as_str(), self.name)
    }
}
