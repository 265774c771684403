//! `git.show`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::{Repositories, check_revision, git};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// The largest file that is told, in bytes.
const MAX_FILE: usize = 16 * 1024 * 1024;

/// Shows a file as it was.
#[derive(Debug, Clone)]
pub struct GitShow(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The commit, branch or tag. Default: HEAD.
    at: Option<String>,
    /// Path of the file in the repository.
    path: String,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct ShowResult {
    text: String,
}

#[async_trait]
impl Tool for GitShow {
    type Arguments = ShowArguments;
    type Result = ShowResult;

    const NAME: &'static str = "git.show";
    const SUMMARY: &'static str =
        "Reads a file of text of 16 MiB at most as it was in a commit. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: ShowArguments, _: &Act) -> Result<ShowResult, ToolError> {
        let repository = self.0.path(&asked.root)?;
        let at = asked.at.as_deref().unwrap_or("HEAD");
        check_revision("at", at)?;
        let is_path = !asked.path.is_empty() && asked.path.len() <= 4_096 && !asked.path.contains('\0');
        if !is_path {
            return Err(ToolError::nothing_done("bad_path")
                .with("path: accepted is that of a file in the repository"));
        }
        let place = format!("{at}:{}", asked.path);
        let said = git(Some(repository), &["cat-file", "blob", &place], "not_found").await?;
        if said.len() > MAX_FILE {
            return Err(ToolError::nothing_done("too_large").with(format!("accepted are {MAX_FILE} bytes")));
        }
        let text = String::from_utf8(said).map_err(|_| ToolError::nothing_done("no_text"))?;
        Ok(ShowResult { text })
    }
}
