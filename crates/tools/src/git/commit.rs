//! `git.commit` and `git.revert`: changes on top of a branch, made in an index of their own.

use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::run::{Given, Repositories, git, run, said};
use super::tip::{Moved, Tip, commit_of, text};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// The longest patch, in bytes.
const MAX_PATCH: usize = 4 * 1024 * 1024;

/// Commits a patch.
#[derive(Debug, Clone)]
pub struct GitCommit(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The branch that is moved, without refs/heads/; one that no working tree has.
    branch: String,
    /// A unified diff, as `git diff` writes it, of 4 MiB at most.
    patch: String,
    /// The message, 8 KiB at most, without personal data. The call is added to it.
    message: String,
}

#[async_trait]
impl Tool for GitCommit {
    type Arguments = CommitArguments;
    type Result = Moved;

    const NAME: &'static str = "git.commit";
    const SUMMARY: &'static str = "Commits a patch on top of a branch, whole or not at all. The branch is moved only from where it was seen; no working \
                                   tree is touched, no hook is run.";
    const EFFECT: Effect = Effect::Writes;
    // The commit names the call: done again, it finds itself.
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: CommitArguments, act: &Act) -> Result<Moved, ToolError> {
        if asked.patch.len() > MAX_PATCH {
            return Err(
                ToolError::nothing_done("too_large").with(format!("patch: accepted are {MAX_PATCH} bytes"))
            );
        }
        let repository = self.0.path(&asked.root)?;
        let tip = Tip::of(repository, &asked.branch).await?;
        if let Some(moved) = tip.was_moved_by(act).await? {
            return Ok(moved);
        }
        let tree = tree_with(repository, &tip.sha, asked.patch.as_bytes()).await?;
        tip.moved(&tree, &[], (&asked.message, act)).await
    }
}

/// Reverts a commit.
#[derive(Debug, Clone)]
pub struct GitRevert(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The branch that is moved, without refs/heads/; one that no working tree has.
    branch: String,
    /// The commit whose changes are taken back; one with one parent.
    commit: String,
}

#[async_trait]
impl Tool for GitRevert {
    type Arguments = RevertArguments;
    type Result = Moved;

    const NAME: &'static str = "git.revert";
    const SUMMARY: &'static str = "Takes the changes of a commit back by a new commit on top of a branch, where nothing that came later stands in the \
                                   way. The branch is moved only from where it was seen; no working tree is touched.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: RevertArguments, act: &Act) -> Result<Moved, ToolError> {
        let repository = self.0.path(&asked.root)?;
        let tip = Tip::of(repository, &asked.branch).await?;
        if let Some(moved) = tip.was_moved_by(act).await? {
            return Ok(moved);
        }
        let commit = commit_of(repository, "commit", &asked.commit).await?;
        let parents =
            text(git(Some(repository), &["log", "-1", "--format=%P", &commit], "unknown_commit").await?)?;
        if parents.is_empty() || parents.contains(' ') {
            let accepted = "commit: accepted is one with one parent";
            return Err(ToolError::nothing_done("bad_commit").with(accepted));
        }
        let words = [
            "diff",
            "--binary",
            "--full-index",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            &commit,
            &parents,
        ];
        let patch = git(Some(repository), &words, "unknown_commit").await?;
        let tree = tree_with(repository, &tip.sha, &patch).await?;
        tip.moved(&tree, &[], (&format!("Revert {commit}"), act)).await
    }
}

/// The tree of a commit with a patch on top of it.
async fn tree_with(repository: &Path, commit: &str, patch: &[u8]) -> Result<String, ToolError> {
    let folder = tempfile::tempdir();
    let folder = folder.map_err(|error| ToolError::nothing_done("no_room").with(error.to_string()))?;
    let index = folder.path().join("index");
    let of_index = Given { index: Some(&index), ..Given::default() };
    said(run(Some(repository), &["read-tree", commit], of_index).await?, "unknown_commit")?;
    let words = ["apply", "--cached", "--whitespace=nowarn", "-"];
    said(run(Some(repository), &words, Given { input: patch, ..of_index }).await?, "does_not_fit")?;
    text(said(run(Some(repository), &["write-tree"], of_index).await?, "does_not_fit")?)
}
