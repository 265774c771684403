//! The agents that this program runs.

use brainops_agent_healing::IncidentCommander;
use brainops_agent_revenue::LeadFollowUp;
use brainops_saga::{Cast, CastError};

/// All of them, each with its versions.
///
/// # Errors
/// Two of them cannot be told apart, or one cannot be an agent: a fault of this program.
pub fn all() -> Result<Vec<Cast>, CastError> {
    Ok(vec![Cast::of(LeadFollowUp)?, Cast::of(IncidentCommander)?])
}

/// The one of this name.
///
/// # Errors
/// There is none; the error names those that there are.
pub fn named(name: &str) -> anyhow::Result<Result<Cast, UnknownAgent>> {
    let known = all()?;
    let names: Vec<&str> = known.iter().map(Cast::name).collect();
    let unknown = UnknownAgent { name: name.to_owned(), known: names.join(", ") };
    Ok(known.into_iter().find(|cast| cast.name() == name).ok_or(unknown))
}

/// No agent has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no agent {name:?}, there are {known}")]
pub struct UnknownAgent {
    /// The name.
    name: String,
    /// The names that there are.
    known: String,
}
