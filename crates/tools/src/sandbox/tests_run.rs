//! `tests.run`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process_run::{ProcessRun, RunResult};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Runs the tests of a repository, by the command that the installation has for them: who may run tests may not run anything.
#[derive(Debug, Clone)]
pub struct TestsRun {
    process: ProcessRun,
    commands: Arc<BTreeMap<String, Vec<String>>>,
}

impl TestsRun {
    /// With these commands, by the names of roots.
    #[must_use]
    pub fn new(process: ProcessRun, commands: BTreeMap<String, Vec<String>>) -> Self {
        Self { process, commands: Arc::new(commands) }
    }
}

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestsArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The commit, branch or tag that is tested. Default: HEAD.
    at: Option<String>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct TestsResult {
    /// Whether all of them passed.
    has_passed: bool,
    #[serde(flatten)]
    run: RunResult,
}

#[async_trait]
impl Tool for TestsRun {
    type Arguments = TestsArguments;
    type Result = TestsResult;

    const NAME: &'static str = "tests.run";
    const SUMMARY: &'static str = "Runs the tests of a commit, by the command that the installation has for them, on a copy of its tree in a sandbox \
                                   without network. The copy goes away with it: nothing else is changed.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(
        &self,
        TestsArguments { root, at }: TestsArguments,
        act: &Act,
    ) -> Result<TestsResult, ToolError> {
        let Some(command) = self.commands.get(&root) else {
            let known: Vec<&str> = self.commands.keys().map(String::as_str).collect();
            let accepted = format!("root: accepted are those of tools.tests, {}", known.join(", "));
            return Err(ToolError::nothing_done("no_tests").with(accepted));
        };
        let run = self.process.run(&root, at.as_deref(), command, act).await?;
        Ok(TestsResult { has_passed: run.exit_code == 0, run })
    }
}
