//! The versions of one agent that a program has.

use std::collections::BTreeMap;
use std::sync::Arc;

use brainops_event::Recorded;

use crate::agent::{Agent, AnyAgent, erased};
use crate::limits::{BudgetConfig, Limits};
use crate::refusal::Refusal;
use crate::route::Delivery;

/// The topic of what sagas say about themselves, without its prefix.
pub(crate) const TOPIC: &str = "saga";

/// The versions of one agent. New sagas take the newest, running ones finish on theirs.
#[derive(Clone)]
pub struct Cast {
    name: &'static str,
    versions: BTreeMap<u32, Arc<dyn AnyAgent>>,
    budget: BudgetConfig,
}

/// Agents that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CastError {
    /// The name is none.
    #[error("{name:?} is no name of an agent, accepted are 1 to 40 of a-z, 0-9 and dashes")]
    Name {
        /// The name.
        name: &'static str,
    },
    /// They are versions of different agents.
    #[error("{other} is no version of the agent {name}")]
    Stranger {
        /// The agent.
        name: &'static str,
        /// The other name.
        other: &'static str,
    },
    /// A version is there twice, or is 0.
    #[error("the agent {name} has the version {version} twice, or it is 0")]
    Version {
        /// The agent.
        name: &'static str,
        /// The version.
        version: u32,
    },
    /// An agent follows no topics, or what sagas say about themselves.
    #[error("the agent {name} follows no topic, or the topic saga, which is no agent's input")]
    Topics {
        /// The agent.
        name: &'static str,
    },
}

/// What an event may do with one saga, by version of the agent.
pub(crate) type Deliveries = BTreeMap<u32, Delivery>;

impl Cast {
    /// An agent in one version.
    ///
    /// # Errors
    /// Its name, version or topics cannot be.
    pub fn of<A: Agent>(agent: A) -> Result<Self, CastError> {
        let name = agent.name();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(CastError::Name { name });
        }
        Self { name, versions: BTreeMap::new(), budget: BudgetConfig::default() }.with(agent)
    }

    /// And in another one.
    ///
    /// # Errors
    /// It is no other version of the same agent.
    pub fn with<A: Agent>(mut self, agent: A) -> Result<Self, CastError> {
        let (name, other, version) = (self.name, agent.name(), agent.version());
        if name != other {
            return Err(CastError::Stranger { name, other });
        }
        if agent.topics().is_empty() || agent.topics().contains(&TOPIC) {
            return Err(CastError::Topics { name });
        }
        if version == 0 || i32::try_from(version).is_err() || self.versions.contains_key(&version) {
            return Err(CastError::Version { name, version });
        }
        self.versions.insert(version, erased(agent));
        Ok(self)
    }

    /// The same with a budget that an installation has given it.
    #[must_use]
    pub fn within(self, budget: BudgetConfig) -> Self {
        Self { budget, ..self }
    }

    /// The agent's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The topics that its versions follow, without their prefix, each once; the topic `saga` last.
    #[must_use]
    pub fn topics(&self) -> Vec<&'static str> {
        let mut topics: Vec<_> = self.versions.values().flat_map(|agent| agent.topics()).copied().collect();
        topics.sort_unstable();
        topics.dedup();
        topics.push(TOPIC);
        topics
    }

    /// The newest version's number.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.versions.keys().next_back().copied().unwrap_or_default() // there is one at least
    }

    /// Its versions' numbers, the oldest first.
    pub fn versions(&self) -> impl Iterator<Item = u32> {
        self.versions.keys().copied()
    }

    /// The same agent in one version alone; none when it has no such version.
    #[must_use]
    pub fn only(&self, version: u32) -> Option<Self> {
        let agent = self.versions.get(&version)?;
        Some(Self { versions: BTreeMap::from([(version, Arc::clone(agent))]), ..self.clone() })
    }

    /// What the agent may, as its newest version and the installation say.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let newest = self.versions.values().next_back();
        self.budget.over(newest.map(|agent| agent.limits()).unwrap_or_default())
    }

    /// What one version of it may.
    pub(crate) fn limits_of(&self, agent: &dyn AnyAgent) -> Limits {
        self.budget.over(agent.limits())
    }

    pub(crate) fn version(&self, version: u32) -> Option<&dyn AnyAgent> {
        self.versions.get(&version).map(|agent| &**agent)
    }

    /// Whom an event of the agent's topics concerns, by correlation.
    pub(crate) fn route(&self, event: &Recorded<'_>) -> Result<BTreeMap<String, Deliveries>, Refusal> {
        let mut routed: BTreeMap<String, Deliveries> = BTreeMap::new();
        for (version, agent) in &self.versions {
            if !agent.topics().iter().any(|topic| is_named(event.topic.as_str(), topic)) {
                continue;
            }
            for (correlation, delivery) in agent.route(event)?.iter() {
                check_correlation(correlation)?;
                let known = routed.entry(correlation.to_owned()).or_default().entry(*version);
                known.and_modify(|known| *known = delivery.max(*known)).or_insert(delivery);
            }
        }
        Ok(routed)
    }
}

/// Whether the full name of a topic is that of this one, behind the prefix.
pub(crate) fn is_named(full: &str, topic: &str) -> bool {
    full.strip_suffix(topic).is_some_and(|prefix| prefix.ends_with('.'))
}

/// Subjects have 512 bytes, and the agent's name and a slash come before.
fn check_correlation(correlation: &str) -> Result<(), Refusal> {
    let fits = (1..=400).contains(&correlation.len()) && !correlation.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Refusal::new("impossible_correlation")) }
}

impl std::fmt::Debug for Cast {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let versions: Vec<_> = self.versions.keys().collect();
        out.debug_struct("Cast").field("name", &self.name).field("versions", &versions).finish()
    }
}
