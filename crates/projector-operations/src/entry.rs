//! One entry of an incident's timeline as a row.

use brainops_event::Timestamp;
use brainops_event::types::monitor::{IncidentJoined, IncidentOpened};
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::kind::EntryKind;
use crate::read::parsed;

/// Incident, and name of the entry within it.
pub type EntryKey = (String, String);

/// Something that happened to an incident. Said again in another event, it is the same entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentEntryRow {
    /// The incident.
    pub incident_id: String,
    /// What happened.
    pub kind: EntryKind,
    /// When it happened.
    pub happened_at: Timestamp,
    /// The alert that opened it or joined it.
    pub alert: Option<GatheredAlert>,
    /// Which escalation it is, from 1.
    pub level: Option<i32>,
    /// Who took charge, or says that it is over.
    pub person: Option<String>,
    /// The event that last changed the row.
    pub changed: Changed,
}

/// The firing of an alert that an incident gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatheredAlert {
    /// The alert at its monitor.
    pub alert: String,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// Name of the alerting rule.
    pub name: String,
    /// Environment it is about.
    pub environment: Option<String>,
    /// Severity as labelled.
    pub severity: Option<String>,
}

impl From<IncidentOpened> for GatheredAlert {
    fn from(said: IncidentOpened) -> Self {
        Self {
            alert: said.alert,
            starts_at: said.alert_starts_at,
            name: said.alert_name,
            environment: said.environment,
            severity: said.severity,
        }
    }
}

impl From<IncidentJoined> for GatheredAlert {
    fn from(said: IncidentJoined) -> Self {
        Self {
            alert: said.alert,
            starts_at: said.alert_starts_at,
            name: said.alert_name,
            environment: said.environment,
            severity: said.severity,
        }
    }
}

impl IncidentEntryRow {
    /// Its name within the incident: an alert joins once with each start, and each escalation has its level.
    #[must_use]
    pub fn entry(&self) -> String {
        match (self.kind, &self.alert, self.level) {
            (EntryKind::Joined, Some(GatheredAlert { alert, starts_at, .. }), _) => {
                format!("joined {alert}@{}", starts_at.timestamp_millis())
            }
            (EntryKind::Escalated, _, Some(level)) => format!("escalated {level}"),
            (kind, ..) => kind.to_string(),
        }
    }
}

const COLUMNS: &[Column] = &[
    Column::required("incident_id", ColumnType::Text),
    Column::required("entry", ColumnType::Text),
    Column::required("kind", ColumnType::Text),
    Column::required("happened_at", ColumnType::Timestamptz),
    Column::optional("alert", ColumnType::Text),
    Column::optional("alert_starts_at", ColumnType::Timestamptz),
    Column::optional("alert_name", ColumnType::Text),
    Column::optional("environment", ColumnType::Text),
    Column::optional("severity", ColumnType::Text),
    Column::optional("level", ColumnType::Int4),
    Column::optional("person", ColumnType::Text),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for IncidentEntryRow {
    const TABLE: &'static Table = &Table {
        name: "incident_entry",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = EntryKey;

    fn key(&self) -> EntryKey {
        (self.incident_id.clone(), self.entry())
    }

    fn write_key((incident_id, entry): &EntryKey, out: &mut RowWriter) {
        out.put(incident_id).put(entry);
    }

    fn write(&self, out: &mut RowWriter) {
        let alert = self.alert.as_ref();
        out.put(&self.incident_id)
            .put(&self.entry())
            .put(self.kind.as_str())
            .put(&self.happened_at)
            .put(&alert.map(|alert| alert.alert.clone()))
            .put(&alert.map(|alert| alert.starts_at))
            .put(&alert.map(|alert| alert.name.clone()))
            .put(&alert.and_then(|alert| alert.environment.clone()))
            .put(&alert.and_then(|alert| alert.severity.clone()))
            .put(&self.level)
            .put(&self.person);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let alert: Option<String> = row.try_get("alert")?;
        let alert = match alert {
            None => None,
            Some(alert) => Some(GatheredAlert {
                alert,
                starts_at: row.try_get("alert_starts_at")?,
                name: row.try_get("alert_name")?,
                environment: row.try_get("environment")?,
                severity: row.try_get("severity")?,
            }),
        };
        Ok(Self {
            incident_id: row.try_get("incident_id")?,
            kind: parsed(row, "kind")?,
            happened_at: row.try_get("happened_at")?,
            alert,
            level: row.try_get("level")?,
            person: row.try_get("person")?,
            changed: Changed::read(row)?,
        })
    }
}
