//! The stop switch of one agent, or of all, as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// The last decision to stop or start an agent by name, or all agents together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSwitchRow {
    /// Name of the agent; `*` for all.
    pub agent: String,
    /// Whether it was to stop.
    pub is_stopped: bool,
    /// How often it was stopped or started.
    pub number: i64,
    /// Who decided: an opaque id.
    pub decided_by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub decided_at: Timestamp,
    /// The event that last changed the row.
    pub changed: Changed,
}

const COLUMNS: &[Column] = &[
    Column::required("agent", ColumnType::Text),
    Column::required("is_stopped", ColumnType::Bool),
    Column::required("number", ColumnType::Int8),
    Column::required("decided_by", ColumnType::Text),
    Column::required("reason", ColumnType::Text),
    Column::required("decided_at", ColumnType::Timestamptz),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for AgentSwitchRow {
    const TABLE: &'static Table = &Table {
        name: "agent_switch",
        columns: COLUMNS,
        key_columns: 1,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = String;

    fn key(&self) -> String {
        self.agent.clone()
    }

    fn write_key(agent: &String, out: &mut RowWriter) {
        out.put(agent);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.agent)
            .put(&self.is_stopped)
            .put(&self.number)
            .put(&self.decided_by)
            .put(&self.reason)
            .put(&self.decided_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            agent: row.try_get("agent")?,
            is_stopped: row.try_get("is_stopped")?,
            number: row.try_get("number")?,
            decided_by: row.try_get("decided_by")?,
            reason: row.try_get("reason")?,
            decided_at: row.try_get("decided_at")?,
            changed: Changed::read(row)?,
        })
    }
}
