//! The tree of a commit, copied out of its repository.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// Why there is no tree, in a word and in Git's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoTree {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

/// The full id of a commit.
pub(super) async fn commit_of(repository: &Path, revision: &str) -> Result<String, NoTree> {
    let is_odd = |sign: char| sign.is_control() || sign.is_whitespace();
    if revision.is_empty() || revision.starts_with('-') || revision.contains(is_odd) {
        return Err(NoTree {
            code: "bad_revision",
            detail: "accepted is a commit, a branch or a tag".to_owned(),
        });
    }
    let wanted = format!("{revision}^{{commit}}");
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    Ok(git(Some(repository), &words, "unknown_commit").await?.trim().to_owned())
}

/// Puts the tree of a commit into a folder, which is made. One that is there already is left as it is.
pub(super) async fn check_out(repository: &Path, sha: &str, folder: &Path) -> Result<(), NoTree> {
    if folder.exists() {
        return Ok(());
    }
    let beside = folder.with_extension("partial");
    let failed = |error: std::io::Error| NoTree { code: "no_room", detail: error.to_string() };
    if beside.exists() {
        std::fs::remove_dir_all(&beside).map_err(failed)?;
    }
    let (from, to) = (repository.to_string_lossy().into_owned(), beside.to_string_lossy().into_owned());
    git(None, &["clone", "--quiet", "--no-hardlinks", "--no-checkout", "--", &from, &to], "no_repository")
        .await?;
    git(Some(&beside), &["checkout", "--quiet", "--detach", sha], "unknown_commit").await?;
    std::fs::rename(&beside, folder).map_err(failed)
}

async fn git(folder: Option<&Path>, words: &[&str], code: &'static str) -> Result<String, NoTree> {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"]);
    if let Some(folder) = folder {
        command.arg("-C").arg(folder);
    }
    let output = command.args(words).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| NoTree { code: "no_git", detail: error.to_string() })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(NoTree { code, detail: String::from_utf8_lossy(&output.stderr).chars().take(500).collect() })
}
