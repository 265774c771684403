//! `deploy.status`.

use async_trait::async_trait;
use brainops_deploy::{Fleet, Provider as _, ServiceKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeployedResult, failed};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many deployments are told.
const MAX_DEPLOYMENTS: usize = 20;

/// Says how a service stands.
#[derive(Debug, Clone)]
pub struct DeployStatus(pub Fleet);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusArguments {
    /// Name of the service.
    service: String,
    /// Where it runs, such as production.
    environment: String,
}

/// How a service stands.
#[derive(Debug, Serialize)]
pub struct StatusResult {
    /// Where its requests are taken.
    url: String,
    /// The deployment that is sent requests; null while none is.
    serving: Option<String>,
    /// Its deployments, the newest first, at most 20.
    deployments: Vec<DeployedResult>,
}

#[async_trait]
impl Tool for DeployStatus {
    type Arguments = StatusArguments;
    type Result = StatusResult;

    const NAME: &'static str = "deploy.status";
    const SUMMARY: &'static str =
        "Says which deployments a service has and which one is sent requests. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: StatusArguments, _: &Act) -> Result<StatusResult, ToolError> {
        let key = ServiceKey { service: asked.service, environment: asked.environment };
        let status = self.0.status(&key).await.map_err(|error| failed(&error, true))?;
        let deployments = status.deployments.into_iter().take(MAX_DEPLOYMENTS).map(Into::into).collect();
        Ok(StatusResult { url: status.url, serving: status.serving, deployments })
    }
}
