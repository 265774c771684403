//! `deploy.rollback`.

use async_trait::async_trait;
use brainops_deploy::{Fleet, Provider as _, ServiceKey};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{DeployedResult, failed};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Takes requests away from a deployment.
#[derive(Debug, Clone)]
pub struct DeployRollback(pub Fleet);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackArguments {
    /// Name of the service.
    service: String,
    /// Where it runs, such as production.
    environment: String,
    /// The deployment that is to serve no more.
    deployment_id: String,
}

#[async_trait]
impl Tool for DeployRollback {
    type Arguments = RollbackArguments;
    type Result = DeployedResult;

    const NAME: &'static str = "deploy.rollback";
    const SUMMARY: &'static str = "Takes requests away from a deployment and sends them to the last healthy one before it. Where another one serves \
                                   already, nothing is done. Answers with the deployment that serves. Databases are not touched.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: RollbackArguments, _: &Act) -> Result<DeployedResult, ToolError> {
        let key = ServiceKey { service: asked.service, environment: asked.environment };
        let serving = self.0.rollback(&key, &asked.deployment_id).await;
        serving.map(Into::into).map_err(|error| failed(&error, false))
    }
}
