//! The tip of a branch, and moving it: by commits that are made without a working tree, and only from where it was seen.

use std::path::Path;

use serde::Serialize;

use super::run::{Given, check_revision, git, run, said};
use crate::tool::{Act, ToolError};

/// The longest message of a commit, in bytes.
const MAX_MESSAGE: usize = 8 * 1024;

/// A branch, and the commit that it pointed at when it was looked at.
pub(super) struct Tip<'a> {
    repository: &'a Path,
    reference: String,
    pub(super) sha: String,
}

/// Where a branch points now.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Its commit.
    pub(super) sha: String,
    /// The commit before; the same where nothing was to be done.
    pub(super) before: String,
}

/// The full name of a branch.
pub(super) async fn reference(repository: &Path, branch: &str) -> Result<String, ToolError> {
    check_revision("branch", branch)?;
    let reference = format!("refs/heads/{branch}");
    git(Some(repository), &["check-ref-format", &reference], "bad_branch").await?;
    Ok(reference)
}

/// The full id of a commit.
pub(super) async fn commit_of(repository: &Path, field: &str, revision: &str) -> Result<String, ToolError> {
    check_revision(field, revision)?;
    let wanted = format!("{revision}^{{commit}}");
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    text(git(Some(repository), &words, "unknown_commit").await?)
}

/// What Git says, in a line.
pub(super) fn text(said: Vec<u8>) -> Result<String, ToolError> {
    let text = String::from_utf8(said).map_err(|_| ToolError::nothing_done("no_text"))?;
    Ok(text.trim().to_owned())
}

impl<'a> Tip<'a> {
    /// That of a branch, which must not be checked out: its files would not follow.
    pub(super) async fn of(repository: &'a Path, branch: &str) -> Result<Self, ToolError> {
        let reference = reference(repository, branch).await?;
        let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &reference];
        let sha = text(git(Some(repository), &words, "unknown_branch").await?)?;
        let listed =
            text(git(Some(repository), &["worktree", "list", "--porcelain"], "no_repository").await?)?;
        let checked_out = format!("branch {reference}");
        if listed.lines().any(|line| line == checked_out) {
            return Err(ToolError::nothing_done("branch_is_checked_out")
                .with("branch: accepted is one that no working tree has"));
        }
        Ok(Self { repository, reference, sha })
    }

    /// Whether this call has moved it before: the commit at its tip says so.
    pub(super) async fn was_moved_by(&self, act: &Act) -> Result<Option<Moved>, ToolError> {
        let words = ["log", "-1", "--format=%P%x00%(trailers:key=Call,valueonly)", &self.sha];
        let told = text(git(Some(self.repository), &words, "unknown_commit").await?)?;
        let (parents, calls) = told.split_once('\0').unwrap_or((&told, ""));
        let is_ours = calls.lines().any(|call| call == act.call.id);
        let before = parents.split(' ').next().unwrap_or_default().to_owned();
        Ok(is_ours.then(|| Moved { sha: self.sha.clone(), before }))
    }

    /// Commits a tree on top of it, beside other parents, and moves it there if it is where it was.
    pub(super) async fn moved(
        self,
        tree: &str,
        others: &[&str],
        (message, act): (&str, &Act),
    ) -> Result<Moved, ToolError> {
        if message.trim().is_empty() || message.len() > MAX_MESSAGE || message.contains('\0') {
            let accepted = format!("message: accepted are 1 to {MAX_MESSAGE} bytes of text");
            return Err(ToolError::nothing_done("bad_message").with(accepted));
        }
        let message = format!("{}\n\nCall: {}\n", message.trim_end(), act.call.id);
        let mut words = vec!["commit-tree", tree, "-p", &self.sha];
        for other in others {
            words.extend(["-p", other]);
        }
        let given = Given { input: message.as_bytes(), ..Given::default() };
        let sha = text(said(run(Some(self.repository), &words, given).await?, "not_committed")?)?;
        let words = ["update-ref", "-m", "brainops", &self.reference, &sha, &self.sha];
        git(Some(self.repository), &words, "moved_meanwhile").await?;
        Ok(Moved { sha, before: self.sha })
    }
}
