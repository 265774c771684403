//! Facts about a deployment as a test says them.

use brainops_event::Outgoing;
use brainops_event::types::deployment::{
    DeploymentFailed, DeploymentRolledBack, DeploymentStarted, DeploymentSucceeded,
};
use brainops_testkit::said;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// The moment so many hours after the start of the year 2026.
pub fn hour(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::hours(hours)
}

/// A fact about a deployment of `shop` to `production`, identified by what it says.
#[derive(Clone)]
pub struct Fact {
    kind: &'static str,
    hours: i64,
    data: Value,
}

impl Fact {
    /// Adds a field.
    pub fn with(mut self, field: &str, value: &str) -> Self {
        self.data[field] = json!(value);
        self
    }
}

pub fn started(deployment: &str, sha: &str, hours: i64) -> Fact {
    fact("started", deployment, sha, hours)
}

pub fn succeeded(deployment: &str, sha: &str, hours: i64) -> Fact {
    fact("succeeded", deployment, sha, hours)
}

pub fn failed(deployment: &str, sha: &str, hours: i64) -> Fact {
    fact("failed", deployment, sha, hours)
}

pub fn rolled_back(deployment: &str, sha: &str, hours: i64) -> Fact {
    fact("rolled_back", deployment, sha, hours)
}

fn fact(kind: &'static str, deployment: &str, sha: &str, hours: i64) -> Fact {
    let data =
        json!({"service": "shop", "environment": "production", "deployment_id": deployment, "sha": sha});
    Fact { kind, hours, data }
}

impl From<Fact> for Outgoing {
    fn from(Fact { kind, hours, data }: Fact) -> Self {
        let id = format!("{kind} {} {hours}", data["deployment_id"]);
        let say = match kind {
            "started" => said::<DeploymentStarted>,
            "succeeded" => said::<DeploymentSucceeded>,
            "failed" => said::<DeploymentFailed>,
            _ => said::<DeploymentRolledBack>,
        };
        say(&id, "shop/production", hour(hours), data)
    }
}
