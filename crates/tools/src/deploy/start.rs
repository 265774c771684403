//! `deploy.start`.

use async_trait::async_trait;
use brainops_deploy::{Cause, Fleet, Provider as _, ServiceKey, StartRequest};
use brainops_event::{Source, derived_id};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{DeployedResult, failed};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// What ids of deployments are derived from. It must never change.
const DEPLOYMENTS: &str = "brainops/tool/deploy.start";

/// Begins to deploy a commit.
#[derive(Debug, Clone)]
pub struct DeployStart(pub Fleet);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartArguments {
    /// Name of the service.
    service: String,
    /// Where it is to run, such as production.
    environment: String,
    /// A commit, a branch or a tag of its repository.
    revision: String,
}

#[async_trait]
impl Tool for DeployStart {
    type Arguments = StartArguments;
    type Result = DeployedResult;

    const NAME: &'static str = "deploy.start";
    const SUMMARY: &'static str = "Begins to deploy a commit of a service, and does not wait for its end. Once it is healthy, it is sent the \
                                   requests of the service; what served before is kept, so that it can be rolled back.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: StartArguments, act: &Act) -> Result<DeployedResult, ToolError> {
        let key = ServiceKey { service: asked.service, environment: asked.environment };
        let source = Source::new(DEPLOYMENTS)
            .map_err(|error| ToolError::nothing_done("no_id").with(error.to_string()))?;
        let deployment_id = derived_id(&source, &[&act.call.source, &act.call.id]).into_string();
        let cause = Cause { causation_id: act.call.id.clone(), correlation_id: act.correlation_id.clone() };
        let request = StartRequest { deployment_id, revision: asked.revision, cause: Some(cause) };
        let started = self.0.start(&key, &request).await;
        started.map(Into::into).map_err(|error| failed(&error, false))
    }
}
