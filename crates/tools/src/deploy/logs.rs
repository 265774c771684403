//! `deploy.logs`.

use async_trait::async_trait;
use brainops_deploy::{Fleet, Provider as _, ServiceKey, Trace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failed;
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many lines are looked through where nobody says.
const LINES: u32 = 2_000;
/// How many lines are looked through at most.
const MAX_LINES: u32 = 10_000;

/// Says what the log of a deployment names. Its text stays where it is: it may hold anything, and results are kept for ever.
#[derive(Debug, Clone)]
pub struct DeployLogs(pub Fleet);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogsArguments {
    /// Name of the service.
    service: String,
    /// Where it runs, such as production.
    environment: String,
    /// The deployment.
    deployment_id: String,
    /// How many of its last lines are looked through, 1 to 10,000. Default: 2,000.
    lines: Option<u32>,
}

/// What a log names.
#[derive(Debug, Serialize)]
pub struct LogsResult {
    /// How many lines were looked through.
    lines: usize,
    /// What they name.
    #[serde(flatten)]
    trace: Trace,
}

#[async_trait]
impl Tool for DeployLogs {
    type Arguments = LogsArguments;
    type Result = LogsResult;

    const NAME: &'static str = "deploy.logs";
    const SUMMARY: &'static str = "Says which places in the files of a service and which errors the last lines of a deployment's log name. The text \
                                   of the log is not told. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: LogsArguments, _: &Act) -> Result<LogsResult, ToolError> {
        let wanted = asked.lines.unwrap_or(LINES);
        if !(1..=MAX_LINES).contains(&wanted) {
            return Err(
                ToolError::nothing_done("bad_arguments").with(format!("lines: accepted is 1 to {MAX_LINES}"))
            );
        }
        let key = ServiceKey { service: asked.service, environment: asked.environment };
        let lines = self.0.logs(&key, &asked.deployment_id, wanted as usize).await;
        let lines = lines.map_err(|error| failed(&error, true))?;
        Ok(LogsResult { lines: lines.len(), trace: Trace::of(lines.iter().map(String::as_str)) })
    }
}
