//! The folder that a job may write in: the tree of a commit, copied, and gone with the job.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use crate::tool::{Act, ToolError};

/// A tree of its own.
#[derive(Debug)]
pub(super) struct WorkTree {
    folder: TempDir,
    /// The commit, in full.
    pub(super) commit: String,
}

impl WorkTree {
    /// Copies the tree of a commit of a repository. Nothing of the repository is run: no hooks, no filters, no configuration of
    /// whoever runs this.
    pub(super) async fn of(
        repository: &Path,
        at: &str,
        user: Option<u32>,
        act: &Act,
    ) -> Result<Self, ToolError> {
        if at.is_empty()
            || at.starts_with('-')
            || at.contains(|sign: char| sign.is_control() || sign.is_whitespace())
        {
            return Err(
                ToolError::nothing_done("bad_commit").with("at: accepted is a commit, a branch or a tag")
            );
        }
        let folder = tempfile::Builder::new().prefix("brainops-job-").tempdir();
        let folder = folder.map_err(|error| ToolError::nothing_done("no_room").with(error.to_string()))?;
        let work = folder.path().join("work");
        let (from, to) = (repository.to_string_lossy().into_owned(), work.to_string_lossy().into_owned());
        git(
            None,
            &["clone", "--quiet", "--no-hardlinks", "--no-checkout", "--", &from, &to],
            "no_repository",
        )
        .await?;
        // What is no branch here is one there.
        let wanted = format!("{at}^{{commit}}");
        let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", wanted.as_str()];
        let commit = git(Some(repository), &words, "unknown_commit").await?.trim().to_owned();
        git(Some(&work), &["checkout", "--quiet", "--detach", &commit], "unknown_commit").await?;
        let tree = Self { folder, commit };
        if let Some(user) = user {
            let path = tree.folder.path().to_owned();
            act.blocking(move || give(&path, user)).await?;
        }
        Ok(tree)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("work")
    }
}

async fn git(folder: Option<&Path>, words: &[&str], refusal: &'static str) -> Result<String, ToolError> {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    // The roots are named by who configures this, whoever owns them.
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*", "-c", "core.fsmonitor=false"]);
    if let Some(folder) = folder {
        command.arg("-C").arg(folder);
    }
    let output = command.args(words).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| ToolError::nothing_done("no_git").with(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told: String = String::from_utf8_lossy(&output.stderr).chars().take(500).collect();
    Err(ToolError::nothing_done(refusal).with(told))
}

/// Gives a tree of files to a user. Links are given, not followed.
fn give(path: &Path, user: u32) -> Result<(), ToolError> {
    let refused = |error: std::io::Error| ToolError::nothing_done("no_room").with(error.to_string());
    std::os::unix::fs::lchown(path, Some(user), Some(user)).map_err(refused)?;
    if path.symlink_metadata().map_err(refused)?.is_dir() {
        for entry in std::fs::read_dir(path).map_err(refused)? {
            give(&entry.map_err(refused)?.path(), user)?;
        }
    }
    Ok(())
}
