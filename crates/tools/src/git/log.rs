//! `git.log`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::{Repositories, check_revision, git};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many commits are told at most, and unless more are asked for.
const MAX_COMMITS: u32 = 1_000;
const COMMITS: u32 = 50;
/// How many paths of a commit are told.
const MAX_PATHS: usize = 200;

/// Lists commits.
#[derive(Debug, Clone)]
pub struct GitLog(pub Repositories);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogArguments {
    /// Name of the root, a Git repository.
    root: String,
    /// The commit, branch or tag to begin with. Default: HEAD.
    at: Option<String>,
    /// Commits from which these can be reached are left out, such as that of the deployment before.
    not_in: Option<String>,
    /// Only commits that change this file or folder.
    path: Option<String>,
    /// How many, 1 to 1,000. Default: 50.
    limit: Option<u32>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct LogResult {
    commits: Vec<Commit>,
    /// Whether there may be more than are told.
    is_cut: bool,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Commit {
    sha: String,
    parents: Vec<String>,
    /// Seconds since the Unix epoch.
    authored_at: i64,
    committed_at: i64,
    changes: Vec<Change>,
    /// Paths that it changes beyond those that are told.
    more_paths: usize,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Change {
    path: String,
    /// Lines; none of a file without text.
    insertions: Option<u32>,
    deletions: Option<u32>,
}

#[async_trait]
impl Tool for GitLog {
    type Arguments = LogArguments;
    type Result = LogResult;

    const NAME: &'static str = "git.log";
    const SUMMARY: &'static str = "Lists commits of a repository, the newest first, with the files that each changes. Authors and messages are \
                                   not told. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: LogArguments, _: &Act) -> Result<LogResult, ToolError> {
        let repository = self.0.path(&asked.root)?;
        let (at, limit) = (asked.at.as_deref().unwrap_or("HEAD"), asked.limit.unwrap_or(COMMITS));
        check_revision("at", at)?;
        if !(1..=MAX_COMMITS).contains(&limit) {
            return Err(
                ToolError::nothing_done("bad_limit").with(format!("limit: accepted is 1 to {MAX_COMMITS}"))
            );
        }
        let (most, format) = (format!("--max-count={}", limit + 1), "--format=%x01%H%x02%P%x02%at%x02%ct");
        let mut words =
            vec!["log", "--no-renames", "--numstat", "-z", &most, format, "--no-ext-diff", "--no-textconv"];
        words.extend(["--end-of-options", at]);
        let without = asked.not_in.as_ref().map(|revision| format!("^{revision}"));
        if let (Some(revision), Some(without)) = (&asked.not_in, &without) {
            check_revision("not_in", revision)?;
            words.push(without);
        }
        words.push("--");
        words.extend(asked.path.as_deref());
        let said = git(Some(repository), &words, "unknown_commit").await?;
        let mut commits = commits(&String::from_utf8_lossy(&said));
        let is_cut = commits.len() > limit as usize;
        commits.truncate(limit as usize);
        Ok(LogResult { commits, is_cut })
    }
}

fn commits(said: &str) -> Vec<Commit> {
    said.split('\u{1}').filter_map(commit).collect()
}

fn commit(text: &str) -> Option<Commit> {
    let mut parts = text.split(['\0', '\n']).filter(|part| !part.is_empty());
    let mut head = parts.next()?.split('\u{2}');
    let (sha, parents) = (head.next()?.to_owned(), head.next()?);
    let (authored_at, committed_at) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
    let mut changes: Vec<Change> = parts.filter_map(change).collect();
    let more_paths = changes.len().saturating_sub(MAX_PATHS);
    changes.truncate(MAX_PATHS);
    let parents = parents.split_ascii_whitespace().map(str::to_owned).collect();
    Some(Commit { sha, parents, authored_at, committed_at, changes, more_paths })
}

fn change(text: &str) -> Option<Change> {
    let mut parts = text.splitn(3, '\t');
    let (insertions, deletions, path) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Change {
        path: path.to_owned(),
        insertions: insertions.parse().ok(),
        deletions: deletions.parse().ok(),
    })
}
