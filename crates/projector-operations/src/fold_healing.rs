//! The fold of what is concluded of deployments, and of what was done about those that went wrong.

use brainops_event::types::agent::{HealingCompleted, HealingDiagnosed, HealingEscalated};
use brainops_event::types::monitor::{ErrorRateNormal, HighErrorRate};
use brainops_event::{Recorded, TypedEvent};
use brainops_projection::{Changed, FoldError};

use crate::deployment_health::DeploymentHealthRow;
use crate::deployment_key::{DeploymentKey, key_of};
use crate::healing::HealingRow;
use crate::model::OperationTables;

/// What an event tells of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeploymentFact {
    High,
    Normal,
    Diagnosed,
    Escalated,
    Completed,
}

impl DeploymentFact {
    /// The fact that an event of this type reports; none when it is no business of ours.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        match event_type {
            HighErrorRate::EVENT_TYPE => Some(Self::High),
            ErrorRateNormal::EVENT_TYPE => Some(Self::Normal),
            HealingDiagnosed::EVENT_TYPE => Some(Self::Diagnosed),
            HealingEscalated::EVENT_TYPE => Some(Self::Escalated),
            HealingCompleted::EVENT_TYPE => Some(Self::Completed),
            _ => None,
        }
    }

    const fn is_health(self) -> bool {
        matches!(self, Self::High | Self::Normal)
    }
}

/// Names the row of an event.
pub(crate) fn want(
    event: &Recorded<'_>,
    fact: DeploymentFact,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let Ok(key) = key_of(event) else { return Ok(()) }; // the fold refuses it in its turn
    if fact.is_health() { tables.deployment_health.want(key) } else { tables.healing.want(key) }
}

/// Folds an event.
pub(crate) fn fold(
    event: &Recorded<'_>,
    fact: DeploymentFact,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let key = key_of(event)?;
    if fact.is_health() {
        let before = tables.deployment_health.get(&key)?.map_or(0, |row| row.times_high);
        let row = health(event, fact == DeploymentFact::High, key, before)?;
        return tables.deployment_health.put(row);
    }
    let known = tables.healing.get(&key)?.cloned();
    let row = healing(event, fact, known.unwrap_or_else(|| unknown(key, event)))?;
    tables.healing.put(row)
}

/// Both conclusions say the same of their window.
fn health(
    event: &Recorded<'_>,
    is_high: bool,
    (service, environment, deployment_id): DeploymentKey,
    before: i32,
) -> Result<DeploymentHealthRow, FoldError> {
    let (from, through, requests, errors, max_error_percent) = if is_high {
        let HighErrorRate { from, through, requests, errors, max_error_percent, .. } = event.typed()?;
        (from, through, requests, errors, max_error_percent)
    } else {
        let ErrorRateNormal { from, through, requests, errors, max_error_percent, .. } = event.typed()?;
        (from, through, requests, errors, max_error_percent)
    };
    Ok(DeploymentHealthRow {
        service,
        environment,
        deployment_id,
        is_high,
        since_at: event.happened_at(),
        times_high: before.saturating_add(i32::from(is_high)),
        window_from: from,
        window_through: through,
        requests,
        errors,
        max_error_percent,
        changed: Changed::by(event),
    })
}

fn unknown((service, environment, deployment_id): DeploymentKey, event: &Recorded<'_>) -> HealingRow {
    HealingRow {
        service,
        environment,
        deployment_id,
        state: String::new(),
        trouble: None,
        sha: None,
        good_sha: None,
        culprit: None,
        diagnosed_at: None,
        escalated_at: None,
        reason_code: None,
        healed_at: None,
        restored_deployment_id: None,
        restored_sha: None,
        verified_by: None,
        trouble_ms: None,
        changed: Changed::by(event),
    }
}

fn healing(event: &Recorded<'_>, fact: DeploymentFact, row: HealingRow) -> Result<HealingRow, FoldError> {
    let (at, changed) = (event.happened_at(), Changed::by(event));
    Ok(match fact {
        DeploymentFact::Escalated => {
            let said: HealingEscalated = event.typed()?;
            HealingRow {
                state: "escalated".to_owned(),
                escalated_at: Some(at),
                reason_code: Some(said.reason_code),
                culprit: said.culprit.or(row.culprit),
                changed,
                ..row
            }
        }
        DeploymentFact::Completed => {
            let said: HealingCompleted = event.typed()?;
            HealingRow {
                state: "healed".to_owned(),
                healed_at: Some(at),
                restored_deployment_id: said.restored_deployment_id,
                restored_sha: said.restored_sha,
                verified_by: Some(said.verified_by),
                trouble_ms: Some(said.trouble_ms),
                culprit: said.culprit.or(row.culprit),
                changed,
                ..row
            }
        }
        // What is diagnosed anew is a new trouble: what came of the one before is in the log.
        DeploymentFact::High | DeploymentFact::Normal | DeploymentFact::Diagnosed => {
            let said: HealingDiagnosed = event.typed()?;
            let key = (row.service, row.environment, row.deployment_id);
            HealingRow {
                state: "diagnosed".to_owned(),
                trouble: Some(said.trouble),
                sha: Some(said.sha),
                good_sha: said.good_sha,
                culprit: said.culprit,
                diagnosed_at: Some(at),
                ..unknown(key, event)
            }
        }
    })
}
