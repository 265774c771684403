//! `git.branch`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::run::{Repositories, git};
use super::tip::{Moved, commit_of, reference, text};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Makes a branch.
#[derive(Debug, Clone)]
pub struct GitBranch(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// Name of the new branch, without refs/heads/.
    branch: String,
    /// The commit, branch or tag that it begins at. Default: HEAD.
    at: Option<String>,
}

#[async_trait]
impl Tool for GitBranch {
    type Arguments = BranchArguments;
    type Result = Moved;

    const NAME: &'static str = "git.branch";
    const SUMMARY: &'static str = "Makes a branch at a commit. One that is there already and points elsewhere is refused; no working tree is touched.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: BranchArguments, _: &Act) -> Result<Moved, ToolError> {
        let repository = self.0.path(&asked.root)?;
        let reference = reference(repository, &asked.branch).await?;
        let sha = commit_of(repository, "at", asked.at.as_deref().unwrap_or("HEAD")).await?;
        let words = ["for-each-ref", "--format=%(objectname)", &reference];
        let known = text(git(Some(repository), &words, "no_repository").await?)?;
        if known.is_empty() {
            // That nobody has made it meanwhile is a part of the same act.
            let nothing = "0".repeat(sha.len());
            git(
                Some(repository),
                &["update-ref", "-m", "brainops", &reference, &sha, &nothing],
                "branch_exists",
            )
            .await?;
        } else if known != sha {
            return Err(ToolError::nothing_done("branch_exists").with(format!("it points at {known}")));
        }
        Ok(Moved { before: sha.clone(), sha })
    }
}
