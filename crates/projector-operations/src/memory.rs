//! Something that is remembered as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// Something that an agent or a person wants to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryRow {
    /// What it is about, such as `service/shop`.
    pub about: String,
    /// Source of the event that told it.
    pub memory_source: String,
    /// Id of that event.
    pub memory_id: String,
    /// fact, lesson or decision.
    pub kind: String,
    /// What it says.
    pub text: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Source of the call that told it.
    pub told_by: String,
    /// When it was told.
    pub told_at: Timestamp,
    /// Id of the event that took its place, if one has.
    pub replaced_by: Option<String>,
    /// The event that last changed the row.
    pub changed: Changed,
}

/// What it is about, source and id.
pub type MemoryKey = (String, String, String);

const COLUMNS: &[Column] = &[
    Column::required("about", ColumnType::Text),
    Column::required("memory_source", ColumnType::Text),
    Column::required("memory_id", ColumnType::Text),
    Column::required("kind", ColumnType::Text),
    Column::required("text", ColumnType::Text),
    Column::required("tags", ColumnType::Jsonb),
    Column::required("told_by", ColumnType::Text),
    Column::required("told_at", ColumnType::Timestamptz),
    Column::optional("replaced_by", ColumnType::Text),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for MemoryRow {
    const TABLE: &'static Table = &Table {
        name: "memory",
        columns: COLUMNS,
        key_columns: 3,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = MemoryKey;

    fn key(&self) -> MemoryKey {
        (self.about.clone(), self.memory_source.clone(), self.memory_id.clone())
    }

    fn write_key((about, source, id): &MemoryKey, out: &mut RowWriter) {
        out.put(about).put(source).put(id);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.about)
            .put(&self.memory_source)
            .put(&self.memory_id)
            .put(&self.kind)
            .put(&self.text)
            .put(&serde_json::Value::from(self.tags.clone()))
            .put(&self.told_by)
            .put(&self.told_at)
            .put(&self.replaced_by);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            about: row.try_get("about")?,
            memory_source: row.try_get("memory_source")?,
            memory_id: row.try_get("memory_id")?,
            kind: row.try_get("kind")?,
            text: row.try_get("text")?,
            tags: row.try_get::<sqlx::types::Json<_>, _>("tags")?.0,
            told_by: row.try_get("told_by")?,
            told_at: row.try_get("told_at")?,
            replaced_by: row.try_get("replaced_by")?,
            changed: Changed::read(row)?,
        })
    }
}
