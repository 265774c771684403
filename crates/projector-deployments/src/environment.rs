//! A service in an environment as a row: what serves there, and what happened last.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::body;
use crate::deployment::DeploymentRow;
use crate::fact::{Fact, Status};
use crate::read::parsed;

/// Service and environment.
pub type EnvironmentKey = (String, String);

/// What serves, by whom, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Serving {
    /// The commit; none when that is not known.
    pub sha: Option<String>,
    /// The deployment that put it there; none after a rollback.
    pub deployment_id: Option<String>,
    /// When the success or rollback behind it happened.
    pub since: Option<Timestamp>,
}

/// A service in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRow {
    /// Name of the service.
    pub service: String,
    /// Name of the environment.
    pub environment: String,
    /// What serves now.
    pub serving: Serving,
    /// The success that happened last, rolled back or not.
    pub last_succeeded: Serving,
    /// Deployment of the fact that happened last.
    pub last_deployment_id: String,
    /// What that fact says.
    pub last_status: Status,
    /// When it happened.
    pub last_happened_at: Timestamp,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl EnvironmentRow {
    /// The commit that another deployment put in place before this fact; none when that is not known, as for a fact
    /// that is recorded after later ones.
    pub(crate) fn served_before(&self, deployment_id: &str, fact: Fact) -> Option<&str> {
        let by_another = self.serving.deployment_id.as_deref() != Some(deployment_id);
        let is_in_order = self.serving.since.is_some_and(|since| since <= fact.at);
        if by_another && is_in_order { self.serving.sha.as_deref() } else { None }
    }

    /// The row after a fact; `deployment` is the deployment's row after it.
    pub(crate) fn after(
        known: Option<Self>,
        body: &body::Deployment,
        fact: Fact,
        deployment: &DeploymentRow,
    ) -> Self {
        let mut row = known.unwrap_or_else(|| Self::unheard_of(deployment, fact));
        row.changed = deployment.changed.clone();
        match fact.status {
            Status::Succeeded => row.note_success(deployment, fact),
            Status::RolledBack => row.note_rollback(body, deployment, fact),
            Status::Started | Status::Failed => {}
        }
        if fact.at >= row.last_happened_at {
            row.last_deployment_id.clone_from(&deployment.deployment_id);
            row.last_status = fact.status;
            row.last_happened_at = fact.at;
        }
        row
    }

    fn unheard_of(deployment: &DeploymentRow, fact: Fact) -> Self {
        Self {
            service: deployment.service.clone(),
            environment: deployment.environment.clone(),
            serving: Serving::default(),
            last_succeeded: Serving::default(),
            last_deployment_id: deployment.deployment_id.clone(),
            last_status: fact.status,
            last_happened_at: fact.at,
            changed: deployment.changed.clone(),
        }
    }

    fn note_success(&mut self, deployment: &DeploymentRow, fact: Fact) {
        let success = Serving {
            sha: Some(deployment.sha.clone()),
            deployment_id: Some(deployment.deployment_id.clone()),
            since: Some(fact.at),
        };
        // A rollback may be recorded before the success that it undid.
        if deployment.status != Status::RolledBack && success.since >= self.serving.since {
            self.serving = success.clone();
        }
        if success.since >= self.last_succeeded.since {
            self.last_succeeded = success;
        }
    }

    /// What a rollback says it restored serves, whichever deployment it undid; without that word, undoing what
    /// serves brings back what served before.
    fn note_rollback(&mut self, body: &body::Deployment, deployment: &DeploymentRow, fact: Fact) {
        let undoes_what_serves = self.serving.deployment_id.as_deref() == Some(&deployment.deployment_id);
        let restored = match &body.restored_sha {
            Some(sha) => Some(sha.clone()),
            None if undoes_what_serves => deployment.previous_sha.clone(),
            None => return,
        };
        if Some(fact.at) >= self.serving.since {
            self.serving = Serving { sha: restored, deployment_id: None, since: Some(fact.at) };
        }
    }
}

const COLUMNS: &[Column] = &[
    Column::required("service", ColumnType::Text),
    Column::required("environment", ColumnType::Text),
    Column::optional("serving_sha", ColumnType::Text),
    Column::optional("serving_deployment_id", ColumnType::Text),
    Column::optional("serving_since_at", ColumnType::Timestamptz),
    Column::optional("last_succeeded_sha", ColumnType::Text),
    Column::optional("last_succeeded_deployment_id", ColumnType::Text),
    Column::optional("last_succeeded_at", ColumnType::Timestamptz),
    Column::required("last_deployment_id", ColumnType::Text),
    Column::required("last_status", ColumnType::Text),
    Column::required("last_happened_at", ColumnType::Timestamptz),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for EnvironmentRow {
    const TABLE: &'static Table = &Table {
        name: "environment",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = EnvironmentKey;

    fn key(&self) -> EnvironmentKey {
        (self.service.clone(), self.environment.clone())
    }

    fn write_key((service, environment): &EnvironmentKey, out: &mut RowWriter) {
        out.put(service).put(environment);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.service).put(&self.environment);
        for serving in [&self.serving, &self.last_succeeded] {
            out.put(&serving.sha).put(&serving.deployment_id).put(&serving.since);
        }
        out.put(&self.last_deployment_id).put(self.last_status.as_str()).put(&self.last_happened_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            serving: Serving {
                sha: row.try_get("serving_sha")?,
                deployment_id: row.try_get("serving_deployment_id")?,
                since: row.try_get("serving_since_at")?,
            },
            last_succeeded: Serving {
                sha: row.try_get("last_succeeded_sha")?,
                deployment_id: row.try_get("last_succeeded_deployment_id")?,
                since: row.try_get("last_succeeded_at")?,
            },
            last_deployment_id: row.try_get("last_deployment_id")?,
            last_status: parsed(row, "last_status")?,
            last_happened_at: row.try_get("last_happened_at")?,
            changed: Changed::read(row)?,
        })
    }
}
