//! What was done about a deployment that went wrong as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::deployment_key::DeploymentKey;

/// What was done about a deployment that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealingRow {
    /// Name of the service.
    pub service: String,
    /// Name of the environment, such as production.
    pub environment: String,
    /// Deployment that went wrong; empty when it is not known.
    pub deployment_id: String,
    /// diagnosed, or how it ended: healed (undone, and the service is well) or escalated (a person has to decide).
    pub state: String,
    /// What went wrong: deployment_failed or high_error_rate; null when no diagnosis was made.
    pub trouble: Option<String>,
    /// Commit of the deployment; null when no diagnosis was made.
    pub sha: Option<String>,
    /// Commit to go back to; null when there is none or no diagnosis was made.
    pub good_sha: Option<String>,
    /// Commit that is taken for the cause; null when it is not known.
    pub culprit: Option<String>,
    /// When the cause was named, or said not to be known.
    pub diagnosed_at: Option<Timestamp>,
    /// When a person was asked to decide.
    pub escalated_at: Option<Timestamp>,
    /// Why a person was asked, such as migration_between.
    pub reason_code: Option<String>,
    /// When the service was seen to be well again.
    pub healed_at: Option<Timestamp>,
    /// Deployment that serves again.
    pub restored_deployment_id: Option<String>,
    /// Commit that serves again.
    pub restored_sha: Option<String>,
    /// How it is known that the service is well: health or requests.
    pub verified_by: Option<String>,
    /// Milliseconds from the trouble to the healing, by the clock of the log.
    pub trouble_ms: Option<i64>,
    /// The event that last changed the row.
    pub changed: Changed,
}

const COLUMNS: &[Column] = &[
    Column::required("service", ColumnType::Text),
    Column::required("environment", ColumnType::Text),
    Column::required("deployment_id", ColumnType::Text),
    Column::required("state", ColumnType::Text),
    Column::optional("trouble", ColumnType::Text),
    Column::optional("sha", ColumnType::Text),
    Column::optional("good_sha", ColumnType::Text),
    Column::optional("culprit", ColumnType::Text),
    Column::optional("diagnosed_at", ColumnType::Timestamptz),
    Column::optional("escalated_at", ColumnType::Timestamptz),
    Column::optional("reason_code", ColumnType::Text),
    Column::optional("healed_at", ColumnType::Timestamptz),
    Column::optional("restored_deployment_id", ColumnType::Text),
    Column::optional("restored_sha", ColumnType::Text),
    Column::optional("verified_by", ColumnType::Text),
    Column::optional("trouble_ms", ColumnType::Int8),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for HealingRow {
    const TABLE: &'static Table = &Table {
        name: "healing",
        columns: COLUMNS,
        key_columns: 3,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = DeploymentKey;

    fn key(&self) -> DeploymentKey {
        (self.service.clone(), self.environment.clone(), self.deployment_id.clone())
    }

    fn write_key((service, environment, deployment_id): &DeploymentKey, out: &mut RowWriter) {
        out.put(service).put(environment).put(deployment_id);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.service)
            .put(&self.environment)
            .put(&self.deployment_id)
            .put(&self.state)
            .put(&self.trouble)
            .put(&self.sha)
            .put(&self.good_sha)
            .put(&self.culprit)
            .put(&self.diagnosed_at)
            .put(&self.escalated_at)
            .put(&self.reason_code)
            .put(&self.healed_at)
            .put(&self.restored_deployment_id)
            .put(&self.restored_sha)
            .put(&self.verified_by)
            .put(&self.trouble_ms);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            deployment_id: row.try_get("deployment_id")?,
            state: row.try_get("state")?,
            trouble: row.try_get("trouble")?,
            sha: row.try_get("sha")?,
            good_sha: row.try_get("good_sha")?,
            culprit: row.try_get("culprit")?,
            diagnosed_at: row.try_get("diagnosed_at")?,
            escalated_at: row.try_get("escalated_at")?,
            reason_code: row.try_get("reason_code")?,
            healed_at: row.try_get("healed_at")?,
            restored_deployment_id: row.try_get("restored_deployment_id")?,
            restored_sha: row.try_get("restored_sha")?,
            verified_by: row.try_get("verified_by")?,
            trouble_ms: row.try_get("trouble_ms")?,
            changed: Changed::read(row)?,
        })
    }
}
