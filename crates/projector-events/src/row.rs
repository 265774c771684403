//! The row of one record.

use std::error::Error;

use brainops_event::{Body, Offset, Partition, Recorded, Timestamp, TopicName};
use brainops_projection::{Changed, Column, ColumnType, FoldError, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// The key of an [`EventRow`]: where the record stands. The recorded time belongs to it because the table is
/// partitioned by it.
pub type EventKey = (TopicName, Partition, Offset, Timestamp);

/// One accepted record, as the index shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: Offset,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event_type: String,
    /// What it happened to.
    pub subject: String,
    /// When it happened.
    pub happened_at: Timestamp,
    /// The flow that it belongs to.
    pub correlation_id: Option<String>,
    /// The event that caused it.
    pub causation_id: Option<String>,
    /// The writer's schema at the registry.
    pub schema_id: Option<i64>,
    /// Full name of the writer's record.
    pub schema_name: Option<String>,
    /// How far its content may be trusted.
    pub trust: Option<String>,
    /// Opaque id of who sent it.
    pub auth_id: Option<String>,
    /// The event itself: its source and id are also columns of their own.
    pub changed: Changed,
}

const COLUMNS: &[Column] = &[
    Column::required("topic", ColumnType::Text),
    Column::required("partition", ColumnType::Int4),
    Column::required("log_offset", ColumnType::Int8),
    Column::required("recorded_at", ColumnType::Timestamptz),
    Column::required("source", ColumnType::Text),
    Column::required("id", ColumnType::Text),
    Column::required("type", ColumnType::Text),
    Column::required("subject", ColumnType::Text),
    Column::required("happened_at", ColumnType::Timestamptz),
    Column::optional("correlation_id", ColumnType::Text),
    Column::optional("causation_id", ColumnType::Text),
    Column::optional("schema_id", ColumnType::Int8),
    Column::optional("schema_name", ColumnType::Text),
    Column::optional("trust", ColumnType::Text),
    Column::optional("auth_id", ColumnType::Text),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl EventRow {
    /// The row of an event.
    ///
    /// # Errors
    /// The event has no subject.
    pub fn of(event: &Recorded<'_>) -> Result<Self, FoldError> {
        let envelope = &event.envelope;
        let subject = envelope.subject().ok_or_else(|| FoldError::refused("it has no subject"))?;
        let schema = match &event.body {
            Body::Avro { schema, .. } => Some(schema),
            Body::Json(_) | Body::Empty => None,
        };
        Ok(Self {
            topic: event.topic.clone(),
            partition: event.partition,
            offset: event.offset,
            recorded_at: event.recorded_at,
            event_type: envelope.event_type().to_owned(),
            subject: subject.to_owned(),
            happened_at: event.happened_at(),
            correlation_id: envelope.correlation_id().map(str::to_owned),
            causation_id: envelope.causation_id().map(str::to_owned),
            schema_id: schema.map(|schema| i64::from(schema.id.get())),
            schema_name: schema.map(|schema| schema.name.as_str().to_owned()),
            trust: envelope.trust().map(|trust| trust.as_str().to_owned()),
            auth_id: envelope.auth_id().map(str::to_owned),
            changed: Changed::by(event),
        })
    }
}

impl Row for EventRow {
    const TABLE: &'static Table = &Table {
        name: "event",
        columns: COLUMNS,
        key_columns: 4,
        mode: WriteMode::Append,
        month_partitioned_by: Some("recorded_at"),
    };

    type Key = EventKey;

    fn key(&self) -> EventKey {
        (self.topic.clone(), self.partition, self.offset, self.recorded_at)
    }

    fn write_key((topic, partition, offset, recorded_at): &EventKey, out: &mut RowWriter) {
        out.put(topic.as_str()).put(&partition.get()).put(&offset.get()).put(recorded_at);
    }

    fn write(&self, out: &mut RowWriter) {
        Self::write_key(&self.key(), out);
        out.put(&self.changed.source)
            .put(&self.changed.id)
            .put(&self.event_type)
            .put(&self.subject)
            .put(&self.happened_at)
            .put(&self.correlation_id)
            .put(&self.causation_id)
            .put(&self.schema_id)
            .put(&self.schema_name)
            .put(&self.trust)
            .put(&self.auth_id);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            topic: TopicName::new(row.try_get("topic")?).map_err(unreadable)?,
            partition: Partition::new(row.try_get("partition")?).map_err(unreadable)?,
            offset: Offset::new(row.try_get("log_offset")?).map_err(unreadable)?,
            recorded_at: row.try_get("recorded_at")?,
            event_type: row.try_get("type")?,
            subject: row.try_get("subject")?,
            happened_at: row.try_get("happened_at")?,
            correlation_id: row.try_get("correlation_id")?,
            causation_id: row.try_get("causation_id")?,
            schema_id: row.try_get("schema_id")?,
            schema_name: row.try_get("schema_name")?,
            trust: row.try_get("trust")?,
            auth_id: row.try_get("auth_id")?,
            changed: Changed::read(row)?,
        })
    }
}

fn unreadable(error: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
