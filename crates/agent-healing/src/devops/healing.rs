//! What the agent remembers of one trouble.

use std::collections::BTreeMap;

use brainops_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::told::{Commit, Trace};

/// What a saga remembers. It begins with the first input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Healing {
    pub(super) service: String,
    pub(super) environment: String,
    pub(super) trouble: Trouble,
    /// What came up meanwhile about another deployment.
    pub(super) next: Option<Trouble>,
    pub(super) stage: Stage,
    /// Calls without an answer, by the ids of their events.
    pub(super) calls: BTreeMap<String, Call>,
    /// Commit of the deployment.
    pub(super) sha: String,
    /// What is to serve again, or does.
    pub(super) good: Option<Good>,
    /// How often the read models were asked.
    pub(super) asked: u32,
    pub(super) trace: Option<Trace>,
    /// What was brought in; none until the read models have answered.
    pub(super) brought_in: Option<BroughtIn>,
    pub(super) culprit: Option<String>,
    /// How often was asked whether the rollback has come to its end.
    pub(super) checked: u32,
    /// Whether the provider calls healthy what serves again.
    pub(super) is_healthy: bool,
    pub(super) requests: i64,
    pub(super) errors: i64,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// The deployment; none until it is known.
    pub(super) deployment_id: Option<String>,
    /// When the log recorded it.
    pub(super) at: Timestamp,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    DeploymentFailed,
    HighErrorRate,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::DeploymentFailed => "deployment_failed",
            Self::HighErrorRate => "high_error_rate",
        }
    }
}

/// How far the healing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The provider is asked how the service stands.
    #[default]
    Looking,
    /// Read models and logs are asked what happened.
    Diagnosing,
    /// The provider takes the requests away.
    RollingBack,
    /// Whether that helped is looked at.
    Verifying,
    /// A person has to decide.
    Escalated,
}

/// What a call was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    Status,
    Commits,
    Logs,
    Rollback,
    Check,
}

/// A deployment that works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Good {
    pub(super) deployment_id: String,
    pub(super) sha: String,
}

/// What a deployment brought in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct BroughtIn {
    pub(super) commits: Vec<Commit>,
    /// Whether these are all of its commits, with all of their files.
    pub(super) is_whole: bool,
}

impl Healing {
    pub(super) fn begin(service: &str, environment: &str, trouble: Trouble) -> Self {
        Self { service: service.to_owned(), environment: environment.to_owned(), trouble, ..Self::default() }
    }

    /// Whether nothing has come to it yet.
    pub(super) const fn is_new(&self) -> bool {
        self.service.is_empty()
    }

    pub(super) fn subject(&self) -> String {
        format!("{}/{}", self.service, self.environment)
    }

    pub(super) fn deployment_id(&self) -> String {
        self.trouble.deployment_id.clone().unwrap_or_default()
    }

    pub(super) fn is_about(&self, deployment_id: Option<&str>) -> bool {
        deployment_id.is_none() || self.trouble.deployment_id.as_deref() == deployment_id
    }
}
