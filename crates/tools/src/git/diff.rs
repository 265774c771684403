//! `git.diff`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::{Repositories, check_revision, git};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How much of a difference is told, in bytes.
const MAX_DIFF: usize = 1024 * 1024;

/// Shows what changed between two commits.
#[derive(Debug, Clone)]
pub struct GitDiff(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The commit, branch or tag before.
    from: String,
    /// The one after.
    to: String,
    /// Only this file or folder.
    path: Option<String>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct DiffResult {
    /// In the unified form; what is no text is replaced.
    diff: String,
    /// Whether there is more of it.
    is_cut: bool,
}

#[async_trait]
impl Tool for GitDiff {
    type Arguments = DiffArguments;
    type Result = DiffResult;

    const NAME: &'static str = "git.diff";
    const SUMMARY: &'static str =
        "Says what changed between two commits, 1 MiB of it at most. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: DiffArguments, _: &Act) -> Result<DiffResult, ToolError> {
        let repository = self.0.path(&asked.root)?;
        check_revision("from", &asked.from)?;
        check_revision("to", &asked.to)?;
        let mut words = vec!["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--end-of-options"];
        words.extend([asked.from.as_str(), asked.to.as_str(), "--"]);
        words.extend(asked.path.as_deref());
        let said = git(Some(repository), &words, "unknown_commit").await?;
        let is_cut = said.len() > MAX_DIFF;
        let told = &said[..said.len().min(MAX_DIFF)];
        Ok(DiffResult { diff: String::from_utf8_lossy(told).into_owned(), is_cut })
    }
}
