//! `deploy.*`: deployments of services, by whichever provider has them.
//!
//! A deployment that the gate starts has an id that follows from the call, so that the call done again is the same deployment; and
//! the provider keeps which call it was, so that what becomes of the deployment is told as its effect.

mod logs;
mod rollback;
mod start;
mod status;

use brainops_deploy::{Deployed, ProviderError};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::tool::ToolError;

pub use logs::DeployLogs;
pub use rollback::DeployRollback;
pub use start::DeployStart;
pub use status::DeployStatus;

/// A deployment in a result.
#[derive(Debug, Serialize)]
pub struct DeployedResult {
    /// Its id.
    deployment_id: String,
    /// Its commit.
    sha: String,
    /// Where it is: starting, healthy, failed or stopped.
    state: brainops_deploy::DeploymentState,
    /// Why it failed, in a word.
    reason: Option<String>,
    /// When it became healthy.
    healthy_at: Option<DateTime<Utc>>,
    /// When requests were taken away from it.
    rolled_back_at: Option<DateTime<Utc>>,
}

impl From<Deployed> for DeployedResult {
    fn from(deployed: Deployed) -> Self {
        Self {
            deployment_id: deployed.deployment_id,
            sha: deployed.sha,
            state: deployed.state,
            reason: deployed.reason,
            healthy_at: deployed.healthy_at,
            rolled_back_at: deployed.rolled_back.map(|rolled_back| rolled_back.at),
        }
    }
}

/// What a provider does not do is a failure of the call. Where it does not answer, nothing was done only by what `reads`.
fn failed(error: &ProviderError, reads: bool) -> ToolError {
    let detail = brainops_event::error_chain(error);
    match error {
        ProviderError::Unknown { .. } => ToolError::nothing_done("unknown").with(detail),
        ProviderError::Refused(_) => ToolError::nothing_done("refused").with(detail),
        ProviderError::Unavailable(_) if reads => ToolError::nothing_done("unavailable").with(detail),
        ProviderError::Unavailable(_) => ToolError::half_done("unavailable").with(detail),
    }
}
