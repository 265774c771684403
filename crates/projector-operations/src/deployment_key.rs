//! Which deployment a row is about.

use brainops_event::Recorded;
use brainops_projection::FoldError;
use serde::Deserialize;

use crate::fold::subject_of;

/// Service, environment and deployment.
pub type DeploymentKey = (String, String, String);

/// The names that an event about a deployment gives.
#[derive(Deserialize)]
struct About {
    service: String,
    environment: String,
    #[serde(default)]
    deployment_id: Option<String>,
}

/// The row of an event: its subject must be that of the service, so that one subject alone writes it.
pub(crate) fn key_of(event: &Recorded<'_>) -> Result<DeploymentKey, FoldError> {
    let About { service, environment, deployment_id } = event.decode()?;
    if subject_of(event)? != format!("{service}/{environment}") {
        return Err(FoldError::refused("it is about another service than its subject"));
    }
    Ok((service, environment, deployment_id.unwrap_or_default()))
}
