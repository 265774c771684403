//! `process.run`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::job::{Done, Output, Sandbox};
use super::work_tree::WorkTree;
use crate::git::Repositories;
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// The most words of a command.
const MAX_WORDS: usize = 200;

/// Runs a program on the tree of a commit.
#[derive(Debug, Clone)]
pub struct ProcessRun {
    repositories: Repositories,
    sandbox: Sandbox,
}

impl ProcessRun {
    /// For these repositories.
    #[must_use]
    pub const fn new(repositories: Repositories, sandbox: Sandbox) -> Self {
        Self { repositories, sandbox }
    }

    /// Runs a command on the tree of a commit, of HEAD where none is named.
    pub(super) async fn run(
        &self,
        root: &str,
        at: Option<&str>,
        command: &[String],
        act: &Act,
    ) -> Result<RunResult, ToolError> {
        let repository = self.repositories.path(root)?;
        let is_text = command.iter().all(|word| !word.contains('\0') && word.len() <= 64 * 1024);
        let is_command =
            (1..=MAX_WORDS).contains(&command.len()) && command.first().is_some_and(|word| !word.is_empty());
        if !is_command || !is_text {
            return Err(ToolError::nothing_done("bad_command")
                .with("command: accepted are 1 to 200 words without NUL"));
        }
        let tree = WorkTree::of(repository, at.unwrap_or("HEAD"), self.sandbox.user(), act).await?;
        let Done { exit_code, stdout, stderr } = self.sandbox.run(&tree.path(), command).await?;
        Ok(RunResult { commit: tree.commit, exit_code, stdout, stderr })
    }
}

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The commit, branch or tag whose tree it runs on. Default: HEAD.
    at: Option<String>,
    /// The program and its arguments, 1 to 200; no shell reads them.
    command: Vec<String>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct RunResult {
    /// The commit whose tree it was, in full.
    commit: String,
    /// 0 where all is well; 128 and more: it was ended by a signal.
    pub(super) exit_code: i32,
    stdout: Output,
    stderr: Output,
}

#[async_trait]
impl Tool for ProcessRun {
    type Arguments = RunArguments;
    type Result = RunResult;

    const NAME: &'static str = "process.run";
    const SUMMARY: &'static str = "Runs a program on a copy of a commit's tree, in a sandbox without network, and tells how it ended and \
                                   what it said. The copy goes away with it: nothing else is changed.";
    // It changes nothing, but whoever may only look should not be able to keep this machine busy.
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(
        &self,
        RunArguments { root, at, command }: RunArguments,
        act: &Act,
    ) -> Result<RunResult, ToolError> {
        self.run(&root, at.as_deref(), &command, act).await
    }
}
