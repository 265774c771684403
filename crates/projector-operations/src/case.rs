//! One incident as a row: where it stands.

use brainops_event::Timestamp;
use brainops_event::types::monitor::{
    IncidentAcknowledged, IncidentEscalated, IncidentOpened, IncidentResolved,
};
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// An incident, and who has taken charge of it. What nobody has told is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentCaseRow {
    /// Its id.
    pub incident_id: String,
    /// Subject of the intents by which people act on it.
    pub answer_to: Option<String>,
    /// Service it is about.
    pub service: Option<String>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// Name of the rule whose alert opened it.
    pub opened_by_alert_name: Option<String>,
    /// When the first alert began to fire, of those that opened or joined it.
    pub started_at: Option<Timestamp>,
    /// When somebody took charge.
    pub acknowledged_at: Option<Timestamp>,
    /// Who did.
    pub acknowledged_by: Option<String>,
    /// How often it was escalated.
    pub escalation_level: i32,
    /// When it was escalated last.
    pub escalated_at: Option<Timestamp>,
    /// When it was said to be over.
    pub resolved_at: Option<Timestamp>,
    /// When its last alert ended.
    pub ended_at: Option<Timestamp>,
    /// Who says that it is over.
    pub resolved_by: Option<String>,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl IncidentCaseRow {
    /// An incident of which nothing is known.
    pub(crate) const fn unheard_of(incident_id: String, changed: Changed) -> Self {
        Self {
            incident_id,
            answer_to: None,
            service: None,
            opened_at: None,
            opened_by_alert_name: None,
            started_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            escalation_level: 0,
            escalated_at: None,
            resolved_at: None,
            ended_at: None,
            resolved_by: None,
            changed,
        }
    }

    /// The word in the tables for where it stands: `open`, `acknowledged` or `resolved`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match (self.resolved_at, self.acknowledged_at) {
            (Some(_), _) => "resolved",
            (None, Some(_)) => "acknowledged",
            (None, None) => "open",
        }
    }

    pub(crate) fn opened(&mut self, at: Timestamp, said: &IncidentOpened) {
        self.answer_to = Some(said.answer_to.clone());
        self.service.clone_from(&said.service);
        self.opened_at = Some(at);
        self.opened_by_alert_name = Some(said.alert_name.clone());
        self.gathered(said.alert_starts_at);
    }

    /// An alert that began to fire then is a part of it.
    pub(crate) fn gathered(&mut self, starts_at: Timestamp) {
        self.started_at = Some(self.started_at.map_or(starts_at, |known| known.min(starts_at)));
    }

    /// The first who took charge counts.
    pub(crate) fn acknowledged(&mut self, at: Timestamp, said: &IncidentAcknowledged) {
        if self.acknowledged_at.is_none() {
            self.acknowledged_at = Some(at);
            self.acknowledged_by = Some(said.acknowledged_by.clone());
        }
    }

    pub(crate) fn escalated(&mut self, at: Timestamp, said: &IncidentEscalated) {
        self.escalation_level = self.escalation_level.max(said.level);
        self.escalated_at = self.escalated_at.max(Some(at));
    }

    /// The first time that it was said to be over counts.
    pub(crate) fn resolved(&mut self, at: Timestamp, said: &IncidentResolved) {
        if self.resolved_at.is_none() {
            self.resolved_at = Some(at);
            self.ended_at = Some(said.ended_at);
            self.resolved_by.clone_from(&said.resolved_by);
        }
    }
}

const COLUMNS: &[Column] = &[
    Column::required("incident_id", ColumnType::Text),
    Column::required("status", ColumnType::Text),
    Column::optional("answer_to", ColumnType::Text),
    Column::optional("service", ColumnType::Text),
    Column::optional("opened_at", ColumnType::Timestamptz),
    Column::optional("opened_by_alert_name", ColumnType::Text),
    Column::optional("started_at", ColumnType::Timestamptz),
    Column::optional("acknowledged_at", ColumnType::Timestamptz),
    Column::optional("acknowledged_by", ColumnType::Text),
    Column::required("escalation_level", ColumnType::Int4),
    Column::optional("escalated_at", ColumnType::Timestamptz),
    Column::optional("resolved_at", ColumnType::Timestamptz),
    Column::optional("ended_at", ColumnType::Timestamptz),
    Column::optional("resolved_by", ColumnType::Text),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for IncidentCaseRow {
    const TABLE: &'static Table = &Table {
        name: "incident_case",
        columns: COLUMNS,
        key_columns: 1,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = String;

    fn key(&self) -> String {
        self.incident_id.clone()
    }

    fn write_key(incident_id: &String, out: &mut RowWriter) {
        out.put(incident_id);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.incident_id)
            .put(self.status())
            .put(&self.answer_to)
            .put(&self.service)
            .put(&self.opened_at)
            .put(&self.opened_by_alert_name)
            .put(&self.started_at)
            .put(&self.acknowledged_at)
            .put(&self.acknowledged_by)
            .put(&self.escalation_level)
            .put(&self.escalated_at)
            .put(&self.resolved_at)
            .put(&self.ended_at)
            .put(&self.resolved_by);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            incident_id: row.try_get("incident_id")?,
            answer_to: row.try_get("answer_to")?,
            service: row.try_get("service")?,
            opened_at: row.try_get("opened_at")?,
            opened_by_alert_name: row.try_get("opened_by_alert_name")?,
            started_at: row.try_get("started_at")?,
            acknowledged_at: row.try_get("acknowledged_at")?,
            acknowledged_by: row.try_get("acknowledged_by")?,
            escalation_level: row.try_get("escalation_level")?,
            escalated_at: row.try_get("escalated_at")?,
            resolved_at: row.try_get("resolved_at")?,
            ended_at: row.try_get("ended_at")?,
            resolved_by: row.try_get("resolved_by")?,
            changed: Changed::read(row)?,
        })
    }
}
