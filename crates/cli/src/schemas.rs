//! Tells the log of the schemas at the registry, so that history can be read without it; and what that takes.

use anyhow::Context as _;
use brainops_event::types::schema::Registered;
use brainops_event::{Catalog, Outgoing, SchemaEntry};
use brainops_log::{Registry, SchemaVersion};
use brainops_outbox::{AppendError, Outbox, Receipt};

/// Appends `schema.registered` for each version of which the log does not know, and says how many these were.
pub async fn tell(outbox: &Outbox, versions: &[SchemaVersion]) -> anyhow::Result<usize> {
    let events = versions.iter().map(told).collect::<anyhow::Result<Vec<Outgoing>>>()?;
    let mut new = 0;
    for (version, result) in versions.iter().zip(outbox.append_all(events).await) {
        match result {
            Ok(Receipt { repeated: false, .. }) => new += 1,
            // also told with another number of the version, by a registry that was made anew and gave the same id
            Ok(_) | Err(AppendError::Conflict { .. }) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("the schema {} cannot be told", version.subject));
            }
        }
    }
    Ok(new)
}

fn told(version: &SchemaVersion) -> anyhow::Result<Outgoing> {
    let SchemaVersion { subject, id, version, text } = version;
    Ok(Registered::new(subject, *id, *version, text).into_outgoing()?)
}

/// The schemas of this program that are not registered, while older versions of them are: those that change when they
/// are registered.
pub async fn changed(
    registry: &Registry,
    catalog: &'static Catalog,
) -> anyhow::Result<Vec<&'static SchemaEntry>> {
    let states = registry.inspect(catalog).await?;
    let new: Vec<&str> =
        states.iter().filter(|state| !state.registered).map(|state| state.subject.as_str()).collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let versions = registry.versions(catalog).await?;
    let has_older = |subject: &str| versions.iter().any(|version| version.subject == subject);
    let is_changed =
        |entry: &&SchemaEntry| new.contains(&entry.name.as_str()) && has_older(entry.name.as_str());
    Ok(catalog.entries().iter().filter(is_changed).collect())
}
