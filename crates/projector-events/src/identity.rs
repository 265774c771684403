//! The row of one identity at one place.
//!
//! A reader drops what stands again within 65,536 offsets of its partition, so a repeat that was counted is later, or
//! in another partition or topic. Only what joins partitions can find it, and a row has one writer: so each record
//! adds a row of its own here, in the order of source and id, and the view `events.repeat` groups them. Nothing is
//! read back and no counter is kept; what the choice costs is measured in `projections/events/README.md`.

use std::error::Error;

use brainops_event::{Offset, Partition, Recorded, Timestamp, TopicName};
use brainops_projection::{Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// The key of an [`IdentityRow`]: source, id, and where the record stands.
pub type IdentityKey = (String, String, TopicName, Partition, Offset);

/// Where one accepted record with this identity stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// Source of the event.
    pub source: String,
    /// Its id within the source.
    pub id: String,
    /// The record's topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: Offset,
    /// When the log took it.
    pub recorded_at: Timestamp,
}

const COLUMNS: &[Column] = &[
    Column::required("source", ColumnType::Text),
    Column::required("id", ColumnType::Text),
    Column::required("topic", ColumnType::Text),
    Column::required("partition", ColumnType::Int4),
    Column::required("log_offset", ColumnType::Int8),
    Column::required("recorded_at", ColumnType::Timestamptz),
];

impl IdentityRow {
    /// The row of an event.
    pub fn of(event: &Recorded<'_>) -> Self {
        Self {
            source: event.envelope.source().to_owned(),
            id: event.envelope.id().to_owned(),
            topic: event.topic.clone(),
            partition: event.partition,
            offset: event.offset,
            recorded_at: event.recorded_at,
        }
    }
}

impl Row for IdentityRow {
    const TABLE: &'static Table = &Table {
        name: "identity",
        columns: COLUMNS,
        key_columns: 5,
        mode: WriteMode::Append,
        month_partitioned_by: None,
    };

    type Key = IdentityKey;

    fn key(&self) -> IdentityKey {
        (self.source.clone(), self.id.clone(), self.topic.clone(), self.partition, self.offset)
    }

    fn write_key((source, id, topic, partition, offset): &IdentityKey, out: &mut RowWriter) {
        out.put(source).put(id).put(topic.as_str()).put(&partition.get()).put(&offset.get());
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.source)
            .put(&self.id)
            .put(self.topic.as_str())
            .put(&self.partition.get())
            .put(&self.offset.get())
            .put(&self.recorded_at);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            source: row.try_get("source")?,
            id: row.try_get("id")?,
            topic: TopicName::new(row.try_get("topic")?).map_err(unreadable)?,
            partition: Partition::new(row.try_get("partition")?).map_err(unreadable)?,
            offset: Offset::new(row.try_get("log_offset")?).map_err(unreadable)?,
            recorded_at: row.try_get("recorded_at")?,
        })
    }
}

fn unreadable(error: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
