//! What the agent reads of events and of the answers to its calls: only these fields.

use brainops_event::{Recorded, Timestamp};
use brainops_saga::{Refusal, payload};
use serde::{Deserialize, Serialize};

use crate::body::is_opaque;

/// Of which service something is told: `deployment.*`, `monitor.*`.
#[derive(Debug, Deserialize)]
pub(super) struct Whose {
    pub(super) service: String,
    pub(super) environment: String,
    #[serde(default)]
    pub(super) deployment_id: Option<String>,
}

impl Whose {
    pub(super) fn correlation(&self) -> String {
        format!("{}/{}", self.service, self.environment)
    }
}

/// `monitor.sample.recorded`.
#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    #[serde(default)]
    pub(super) deployment_id: Option<String>,
    pub(super) requests: i64,
    pub(super) errors: i64,
    pub(super) max_error_percent: f64,
}

/// The end of a call: `tool.call.completed`, `denied`, `failed`, `unknown`.
#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) call_id: String,
    #[serde(default)]
    pub(super) result: Option<String>,
    #[serde(default)]
    pub(super) reason_code: Option<String>,
}

/// What `deploy.status` answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Status {
    pub(super) serving: Option<String>,
    pub(super) deployments: Vec<Deployed>,
}

/// A deployment in the answers of `deploy.status` and `deploy.rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Deployed {
    pub(super) deployment_id: String,
    pub(super) sha: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) healthy_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) rolled_back_at: Option<Timestamp>,
}

impl Deployed {
    pub(super) fn is_healthy(&self) -> bool {
        self.state == "healthy"
    }
}

/// What `deploy.logs` answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Trace {
    pub(super) frames: Vec<String>,
    pub(super) errors: Vec<String>,
}

/// What `projection.query` answers to `deployments.commits_between`.
#[derive(Debug, Deserialize)]
pub(super) struct Rows {
    pub(super) rows: Vec<Commit>,
    pub(super) is_cut: bool,
}

/// A commit that lies between two deployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) insertions: i64,
    pub(super) deletions: i64,
    pub(super) paths: Vec<String>,
    pub(super) paths_complete: bool,
    pub(super) is_whole: bool,
}

/// `agent.intent.rollback` and `agent.intent.leave`: what a person decides.
#[derive(Debug, Deserialize)]
pub(super) struct Act {
    /// The deployment that it is about: one about another comes too late.
    pub(super) deployment_id: String,
    /// An opaque id of the person.
    by: String,
}

impl Act {
    pub(super) fn of(event: &Recorded<'_>) -> Result<Self, Refusal> {
        let act: Self = payload(event)?;
        if is_opaque(&act.by) { Ok(act) } else { Err(Refusal::new("no_opaque_id_of_a_person")) }
    }
}
