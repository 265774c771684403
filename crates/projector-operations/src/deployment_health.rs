//! How the requests of a deployment are answered, by the last conclusion as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::deployment_key::DeploymentKey;

/// How the requests of a deployment are answered, by the last conclusion.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentHealthRow {
    /// Name of the service.
    pub service: String,
    /// Name of the environment, such as production.
    pub environment: String,
    /// Deployment that answered; empty when the sensor cannot tell.
    pub deployment_id: String,
    /// True when more requests failed than the rule allows; false when that is over.
    pub is_high: bool,
    /// When that was concluded.
    pub since_at: Timestamp,
    /// How often it was concluded that too many fail.
    pub times_high: i32,
    /// Beginning of the window that was judged.
    pub window_from: Timestamp,
    /// End of the window.
    pub window_through: Timestamp,
    /// Number of requests in the window.
    pub requests: i64,
    /// How many of them failed.
    pub errors: i64,
    /// How many of a hundred may fail, by the rule in force.
    pub max_error_percent: f64,
    /// The event that last changed the row.
    pub changed: Changed,
}

const COLUMNS: &[Column] = &[
    Column::required("service", ColumnType::Text),
    Column::required("environment", ColumnType::Text),
    Column::required("deployment_id", ColumnType::Text),
    Column::required("is_high", ColumnType::Bool),
    Column::required("since_at", ColumnType::Timestamptz),
    Column::required("times_high", ColumnType::Int4),
    Column::required("window_from", ColumnType::Timestamptz),
    Column::required("window_through", ColumnType::Timestamptz),
    Column::required("requests", ColumnType::Int8),
    Column::required("errors", ColumnType::Int8),
    Column::required("max_error_percent", ColumnType::Float8),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for DeploymentHealthRow {
    const TABLE: &'static Table = &Table {
        name: "deployment_health",
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
            .put(&self.is_high)
            .put(&self.since_at)
            .put(&self.times_high)
            .put(&self.window_from)
            .put(&self.window_through)
            .put(&self.requests)
            .put(&self.errors)
            .put(&self.max_error_percent);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            deployment_id: row.try_get("deployment_id")?,
            is_high: row.try_get("is_high")?,
            since_at: row.try_get("since_at")?,
            times_high: row.try_get("times_high")?,
            window_from: row.try_get("window_from")?,
            window_through: row.try_get("window_through")?,
            requests: row.try_get("requests")?,
            errors: row.try_get("errors")?,
            max_error_percent: row.try_get("max_error_percent")?,
            changed: Changed::read(row)?,
        })
    }
}
