//! That a lead reached a stage, as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::lead::LeadId;
use crate::read::parsed;
use crate::stage::Stage;

/// When a lead reached a stage, and which event says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageEntryRow {
    /// Opaque id of the lead.
    pub lead_id: LeadId,
    /// The stage.
    pub stage: Stage,
    /// When the fact behind it happened.
    pub entered_at: Timestamp,
    /// The event that last changed the row.
    pub changed: Changed,
}

const COLUMNS: &[Column] = &[
    Column::required("lead_id", ColumnType::Text),
    Column::required("stage", ColumnType::Text),
    Column::required("entered_at", ColumnType::Timestamptz),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for StageEntryRow {
    const TABLE: &'static Table = &Table {
        name: "stage_entry",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = (LeadId, Stage);

    fn key(&self) -> Self::Key {
        (self.lead_id.clone(), self.stage)
    }

    fn write_key((lead_id, stage): &Self::Key, out: &mut RowWriter) {
        out.put(&lead_id.0).put(stage.as_str());
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.lead_id.0).put(self.stage.as_str()).put(&self.entered_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            lead_id: LeadId(row.try_get("lead_id")?),
            stage: parsed(row, "stage")?,
            entered_at: row.try_get("entered_at")?,
            changed: Changed::read(row)?,
        })
    }
}
