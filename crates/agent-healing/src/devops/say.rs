//! What the agent says, and what it asks for.

use brainops_event::Priority;
use brainops_event::Timestamp;
use brainops_event::types::agent::{HealingCompleted, HealingDiagnosed, HealingEscalated, HealingSuspect};
use brainops_saga::Say;
use serde::Serialize;

use super::NAME;
use super::diagnosis::Suspect;
use super::healing::{Good, Healing};

/// How many commits are asked for.
const MAX_COMMITS: u32 = 500;
/// How many paths of migrations are told.
const MAX_MIGRATIONS: usize = 50;

#[derive(Serialize)]
struct Service<'a> {
    service: &'a str,
    environment: &'a str,
}

#[derive(Serialize)]
struct OfDeployment<'a> {
    service: &'a str,
    environment: &'a str,
    deployment_id: &'a str,
}

/// `deploy.status`.
pub(super) fn status(healing: &Healing) -> Say {
    Say::tool_call("deploy.status", &Service { service: &healing.service, environment: &healing.environment })
}

/// `projection.query` for what lies between two commits.
pub(super) fn commits(from: &str, to: &str) -> Say {
    #[derive(Serialize)]
    struct Query<'a> {
        query: &'a str,
        parameters: [&'a str; 3],
        limit: u32,
    }
    let most = MAX_COMMITS.to_string();
    let query =
        Query { query: "deployments.commits_between", parameters: [from, to, &most], limit: MAX_COMMITS };
    Say::tool_call("projection.query", &query)
}

/// `deploy.logs`.
pub(super) fn logs(healing: &Healing) -> Say {
    of_deployment("deploy.logs", healing)
}

/// `deploy.rollback`.
pub(super) fn rollback(healing: &Healing) -> Say {
    of_deployment("deploy.rollback", healing).with_priority(Priority::Urgent)
}

fn of_deployment(tool: &str, healing: &Healing) -> Say {
    let Healing { service, environment, .. } = healing;
    let deployment_id = &healing.deployment_id();
    Say::tool_call(tool, &OfDeployment { service, environment, deployment_id })
}

/// `agent.command.rollback`: what is about to be done, for whoever follows intentions.
pub(super) fn command(healing: &Healing) -> Say {
    #[derive(Serialize)]
    struct Rollback<'a> {
        service: &'a str,
        environment: &'a str,
        deployment_id: &'a str,
        to_deployment_id: Option<&'a str>,
        to_sha: Option<&'a str>,
    }
    let good = healing.good.as_ref();
    let rollback = Rollback {
        service: &healing.service,
        environment: &healing.environment,
        deployment_id: &healing.deployment_id(),
        to_deployment_id: good.map(|good| good.deployment_id.as_str()),
        to_sha: good.map(|good| good.sha.as_str()),
    };
    Say::command("rollback", &rollback).with_priority(Priority::Urgent)
}

/// `agent.healing.diagnosed`.
pub(super) fn diagnosed(healing: &Healing, suspects: &[Suspect], migrations: &[String]) -> Say {
    let trace = healing.trace.clone().unwrap_or_default();
    let commits = healing.brought_in.as_ref().map_or(0, |brought_in| brought_in.commits.len());
    let data = HealingDiagnosed {
        service: healing.service.clone(),
        environment: healing.environment.clone(),
        deployment_id: healing.deployment_id(),
        trouble: healing.trouble.kind.as_str().to_owned(),
        sha: healing.sha.clone(),
        good_sha: healing.good.as_ref().map(|good| good.sha.clone()),
        commits: i32::try_from(commits).unwrap_or(i32::MAX),
        culprit: healing.culprit.clone(),
        suspects: suspects.iter().map(told).collect(),
        frames: trace.frames,
        errors: trace.errors,
        migrations: migrations.iter().take(MAX_MIGRATIONS).cloned().collect(),
    };
    Say::event(healing.subject(), &data)
}

fn told(suspect: &Suspect) -> HealingSuspect {
    let Suspect { sha, score, reasons } = suspect.clone();
    HealingSuspect { sha, score, reasons }
}

/// `agent.task.analyze_root_cause`: the rollback is first, the explanation second, and a person's.
pub(super) fn analyze(healing: &Healing) -> Say {
    #[derive(Serialize)]
    struct Analyze<'a> {
        service: &'a str,
        environment: &'a str,
        deployment_id: &'a str,
        sha: &'a str,
        culprit: Option<&'a str>,
    }
    let analyze = Analyze {
        service: &healing.service,
        environment: &healing.environment,
        deployment_id: &healing.deployment_id(),
        sha: &healing.sha,
        culprit: healing.culprit.as_deref(),
    };
    Say::task("analyze_root_cause", &analyze)
}

/// `agent.healing.completed`.
pub(super) fn completed(healing: &Healing, verified_by: &str, now: Timestamp) -> Say {
    let Good { deployment_id, sha } =
        healing.good.clone().unwrap_or_else(|| Good { deployment_id: String::new(), sha: String::new() });
    let data = HealingCompleted {
        service: healing.service.clone(),
        environment: healing.environment.clone(),
        deployment_id: healing.deployment_id(),
        restored_deployment_id: Some(deployment_id).filter(|id| !id.is_empty()),
        restored_sha: Some(sha).filter(|sha| !sha.is_empty()),
        culprit: healing.culprit.clone(),
        verified_by: verified_by.to_owned(),
        trouble_ms: (now - healing.trouble.at).num_milliseconds(),
    };
    Say::event(healing.subject(), &data)
}

/// `agent.healing.escalated`.
pub(super) fn escalated(healing: &Healing, reason: &str, correlation: &str) -> Say {
    let data = HealingEscalated {
        service: healing.service.clone(),
        environment: healing.environment.clone(),
        deployment_id: healing.deployment_id(),
        reason_code: reason.to_owned(),
        answer_to: format!("{NAME}/{correlation}"),
        culprit: healing.culprit.clone(),
    };
    Say::event(healing.subject(), &data)
}

/// `agent.task.decide_rollback`: a person decides, by `agent.intent.rollback` or `agent.intent.leave`.
pub(super) fn decide(healing: &Healing, reason: &str) -> Say {
    #[derive(Serialize)]
    struct Decide<'a> {
        service: &'a str,
        environment: &'a str,
        deployment_id: &'a str,
        reason: &'a str,
    }
    let decide = Decide {
        service: &healing.service,
        environment: &healing.environment,
        deployment_id: &healing.deployment_id(),
        reason,
    };
    Say::task("decide_rollback", &decide).with_priority(Priority::Urgent)
}
