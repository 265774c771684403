//! One firing of an alert as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::body;
use crate::status::Status;

/// Subject and start.
pub type AlertKey = (String, Timestamp);

/// An alert, each time it fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// The alert at its monitor.
    pub subject: String,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// Identity of the alert at the monitor.
    pub fingerprint: String,
    /// Name of the alerting rule.
    pub alert_name: String,
    /// Service it is about.
    pub service: Option<String>,
    /// Environment it is about.
    pub environment: Option<String>,
    /// Severity as labelled.
    pub severity: Option<String>,
    /// Labels: an object of strings.
    pub labels: Value,
    /// When it ended.
    pub ends_at: Option<Timestamp>,
    /// Where the monitor shows the expression.
    pub generator_url: Option<String>,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl AlertRow {
    /// Whether it fires: it does until an end is told.
    #[must_use]
    pub const fn status(&self) -> Status {
        if self.ends_at.is_some() { Status::Resolved } else { Status::Firing }
    }

    /// The row after an event. An end once told stays, and the latest one holds: that the alert fires is repeated by
    /// monitors and may be recorded late, and a new firing has a start of its own.
    pub(crate) fn after(
        known: Option<Self>,
        subject: String,
        said: body::Alert,
        ends_at: Option<Timestamp>,
        changed: Changed,
    ) -> Self {
        let (known_end, known_url) = known.map_or((None, None), |row| (row.ends_at, row.generator_url));
        let labels = said.labels.into_iter().map(|(name, value)| (name, Value::String(value)));
        Self {
            subject,
            starts_at: said.starts_at,
            fingerprint: said.fingerprint,
            alert_name: said.alert_name,
            service: said.service,
            environment: said.environment,
            severity: said.severity,
            labels: Value::Object(labels.collect()),
            ends_at: known_end.max(ends_at),
            generator_url: said.generator_url.or(known_url),
            changed,
        }
    }
}

const COLUMNS: &[Column] = &[
    Column::required("subject", ColumnType::Text),
    Column::required("starts_at", ColumnType::Timestamptz),
    Column::required("fingerprint", ColumnType::Text),
    Column::required("alert_name", ColumnType::Text),
    Column::optional("service", ColumnType::Text),
    Column::optional("environment", ColumnType::Text),
    Column::optional("severity", ColumnType::Text),
    Column::required("labels", ColumnType::Jsonb),
    Column::optional("ends_at", ColumnType::Timestamptz),
    Column::required("status", ColumnType::Text),
    Column::optional("generator_url", ColumnType::Text),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for AlertRow {
    const TABLE: &'static Table = &Table {
        name: "alert",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = AlertKey;

    fn key(&self) -> AlertKey {
        (self.subject.clone(), self.starts_at)
    }

    fn write_key((subject, starts_at): &AlertKey, out: &mut RowWriter) {
        out.put(subject).put(starts_at);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.subject)
            .put(&self.starts_at)
            .put(&self.fingerprint)
            .put(&self.alert_name)
            .put(&self.service)
            .put(&self.environment)
            .put(&self.severity)
            .put(&self.labels)
            .put(&self.ends_at)
            .put(self.status().as_str())
            .put(&self.generator_url);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            subject: row.try_get("subject")?,
            starts_at: row.try_get("starts_at")?,
            fingerprint: row.try_get("fingerprint")?,
            alert_name: row.try_get("alert_name")?,
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            severity: row.try_get("severity")?,
            labels: row.try_get("labels")?,
            ends_at: row.try_get("ends_at")?,
            generator_url: row.try_get("generator_url")?,
            changed: Changed::read(row)?,
        })
    }
}
