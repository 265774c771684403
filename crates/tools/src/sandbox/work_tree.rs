//! The folder that a job may write in: the tree of a commit, copied, and gone with the job.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::git::{check_revision, git};
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
        check_revision("at", at)?;
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
        let commit = git(Some(repository), &words, "unknown_commit").await?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
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
