//! What the fold reads of each event: only these fields are decoded.
//!
//! Text that becomes part of a row is owned, since the row outlives the record; the rest is not read at all.

use brainops_event::Timestamp;
use brainops_event::types::privacy::Sealed;
use serde::Deserialize;

/// `git.commit.created`.
#[derive(Debug, Deserialize)]
pub(crate) struct Commit {
    pub repository: String,
    pub sha: String,
    #[serde(default)]
    pub parents: Vec<String>,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub committed_at: Timestamp,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub authored_at: Timestamp,
    pub author_id: String,
    #[serde(default)]
    pub author_name: Option<Sealed>,
    #[serde(default)]
    pub author_email: Option<Sealed>,
    #[serde(default)]
    pub message: Option<Sealed>,
    #[serde(default)]
    pub files_changed: i32,
    #[serde(default)]
    pub insertions: i64,
    #[serde(default)]
    pub deletions: i64,
    #[serde(default)]
    pub paths: Vec<String>,
    #[serde(default = "complete")]
    pub paths_complete: bool,
}

fn complete() -> bool {
    true
}

/// `git.branch.updated`.
#[derive(Debug, Deserialize)]
pub(crate) struct Branch {
    pub repository: String,
    pub branch: String,
    #[serde(default)]
    pub sha: Option<String>,
    #[serde(default)]
    pub previous_sha: Option<String>,
    #[serde(default)]
    pub forced: bool,
}

/// `git.tag.created`.
#[derive(Debug, Deserialize)]
pub(crate) struct Tag {
    pub repository: String,
    pub tag: String,
    pub sha: String,
    #[serde(default)]
    pub annotated: bool,
}

/// Which rows a `deployment.*` is about.
#[derive(Debug, Deserialize)]
pub(crate) struct DeploymentNames {
    pub service: String,
    pub environment: String,
    pub deployment_id: String,
}

/// Any `deployment.*`: a field that one of them has not is absent there.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployment {
    pub service: String,
    pub environment: String,
    pub deployment_id: String,
    pub sha: String,
    #[serde(default)]
    pub repository: Option<String>,
    #[serde(default)]
    pub git_ref: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub reason_code: Option<String>,
    #[serde(default)]
    pub restored_sha: Option<String>,
}
