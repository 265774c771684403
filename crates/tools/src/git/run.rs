//! How Git is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::tool::ToolError;

/// How much of what Git complains about is told, in characters.
const MAX_COMPLAINT: usize = 500;

/// Repositories by the names of roots. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Repositories(Arc<BTreeMap<String, PathBuf>>);

impl Repositories {
    /// Those of these roots. Whether each is a repository is found out when it is asked.
    #[must_use]
    pub fn new(roots: BTreeMap<String, PathBuf>) -> Self {
        Self(Arc::new(roots))
    }

    pub(crate) fn path(&self, root: &str) -> Result<&Path, ToolError> {
        self.0.get(root).map(PathBuf::as_path).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let accepted =
                if known.is_empty() { "none: no root is configured".to_owned() } else { known.join(", ") };
            ToolError::nothing_done("unknown_root").with(format!("root: accepted is {accepted}"))
        })
    }
}

/// Runs Git in a folder, or in none, and answers with what it says.
pub(crate) async fn git(
    folder: Option<&Path>,
    words: &[&str],
    refusal: &'static str,
) -> Result<Vec<u8>, ToolError> {
    let output = run(folder, words, Given::default()).await?;
    said(output, refusal)
}

/// What else Git is given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given<'a> {
    /// An index other than that of the repository.
    pub(super) index: Option<&'a Path>,
    /// What it reads.
    pub(super) input: &'a [u8],
}

/// What Git says where it ended well.
pub(super) fn said(output: Output, refusal: &'static str) -> Result<Vec<u8>, ToolError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let told: String = String::from_utf8_lossy(&output.stderr).chars().take(MAX_COMPLAINT).collect();
    Err(ToolError::nothing_done(refusal).with(told))
}

/// Runs Git, and answers however it ended.
pub(super) async fn run(
    folder: Option<&Path>,
    words: &[&str],
    Given { index, input }: Given<'_>,
) -> Result<Output, ToolError> {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    command.env("GIT_OPTIONAL_LOCKS", "0");
    // What is committed here no person has written.
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "brainops")
            .env(format!("GIT_{who}_EMAIL"), "brainops@localhost");
    }
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    // The roots are named by who configures this, whoever owns them.
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*", "-c", "core.fsmonitor=false"]);
    if let Some(folder) = folder {
        command.arg("-C").arg(folder);
    }
    let failed = |error: std::io::Error| ToolError::nothing_done("no_git").with(error.to_string());
    command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let mut stdin = child.stdin.take();
    let writing = async {
        if let Some(stdin) = &mut stdin {
            // Git that ends before it has read everything says why.
            let _ = stdin.write_all(input).await;
        }
        drop(stdin);
    };
    let ((), output) = tokio::join!(writing, child.wait_with_output());
    output.map_err(failed)
}

/// Refuses what is no name of a commit, a branch or a tag: an option, or a range.
pub(crate) fn check_revision(field: &str, revision: &str) -> Result<(), ToolError> {
    let is_odd = |sign: char| sign.is_control() || sign.is_whitespace() || sign == ':';
    let fits = !revision.is_empty()
        && revision.len() <= 250
        && !revision.starts_with(['-', '^'])
        && !revision.contains("..")
        && !revision.contains(is_odd);
    if fits {
        return Ok(());
    }
    Err(ToolError::nothing_done("bad_commit")
        .with(format!("{field}: accepted is a commit, a branch or a tag")))
}
