//! `git.merge`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::run::{Given, Repositories, run, said};
use super::tip::{Moved, Tip, commit_of};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many files that conflict are told.
const MAX_TOLD: usize = 20;

/// Merges into a branch.
#[derive(Debug, Clone)]
pub struct GitMerge(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The branch that is moved, without refs/heads/; one that no working tree has.
    branch: String,
    /// The commit, branch or tag that is merged into it.
    from: String,
}

#[async_trait]
impl Tool for GitMerge {
    type Arguments = MergeArguments;
    type Result = Moved;

    const NAME: &'static str = "git.merge";
    const SUMMARY: &'static str = "Merges a commit into a branch by a merge commit, where they do not conflict. What is merged already changes nothing. \
                                   The branch is moved only from where it was seen; no working tree is touched.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: MergeArguments, act: &Act) -> Result<Moved, ToolError> {
        let repository = self.0.path(&asked.root)?;
        let tip = Tip::of(repository, &asked.branch).await?;
        if let Some(moved) = tip.was_moved_by(act).await? {
            return Ok(moved);
        }
        let from = commit_of(repository, "from", &asked.from).await?;
        let words = ["merge-base", "--is-ancestor", &from, &tip.sha];
        if run(Some(repository), &words, Given::default()).await?.status.success() {
            return Ok(Moved { sha: tip.sha.clone(), before: tip.sha });
        }
        let words = ["merge-tree", "--write-tree", "--name-only", "--no-messages", &tip.sha, &from];
        let merged = run(Some(repository), &words, Given::default()).await?;
        let told = String::from_utf8_lossy(&merged.stdout).into_owned();
        let mut lines = told.lines();
        let tree = lines.next().unwrap_or_default().to_owned();
        if merged.status.code() == Some(1) {
            let files: Vec<&str> = lines.take(MAX_TOLD).collect();
            return Err(ToolError::nothing_done("conflicts").with(files.join(", ")));
        }
        said(merged, "not_merged")?;
        tip.moved(&tree, &[&from], (&format!("Merge {from}"), act)).await
    }
}
