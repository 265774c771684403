//! The agents that this program runs.

use anyhow::{bail, ensure};
use brainops_saga::{Cast, CastError};

use crate::settings::{AgentConfig, Settings};

/// All of them, each with its versions. `brainops agent new` adds a line at the end.
///
/// # Errors
/// One of them can be none: its name, version or topics.
pub fn all() -> Result<Vec<Cast>, CastError> {
    Ok(vec![
        Cast::of(brainops_agent_healing::IncidentCommander)?,
        Cast::of(brainops_agent_healing::Monitor)?,
        Cast::of(brainops_agent_healing::DevOps)?,
        Cast::of(brainops_agent_revenue::LeadFollowUp)?,
    ])
}

/// All of them as this installation lets them run.
///
/// # Errors
/// The configuration names an agent that there is none of, or gives it what cannot be.
pub fn configured(settings: &Settings) -> anyhow::Result<Vec<Cast>> {
    let mut all = all()?;
    for (name, AgentConfig { budget }) in &settings.agents {
        let known: Vec<&str> = all.iter().map(Cast::name).collect();
        let Some(place) = known.iter().position(|known| known == name) else {
            bail!("agents.{name} is no agent, accepted are {}", known.join(", "));
        };
        ensure!(
            budget.hops != Some(0),
            "agents.{name}.budget.hops is 0, accepted is a number from 1 to {}",
            u32::MAX
        );
        let cast = all.remove(place).within(*budget);
        all.insert(place, cast);
    }
    Ok(all)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn every_agent_can_be_one_and_has_a_name_of_its_own() {
        let all = all().unwrap();
        let names: BTreeSet<&str> = all.iter().map(brainops_saga::Cast::name).collect();
        assert_eq!(names.len(), all.len());
    }
}
