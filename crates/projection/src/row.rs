//! A row of a read model, and the three columns by which every row names the event that last changed it.

use std::fmt::Debug;
use std::hash::Hash;

use brainops_event::Recorded;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::table::{Column, ColumnType, Table};
use crate::writer::RowWriter;

/// A row of one table, as a value.
///
/// `write` and `read` are inverse to each other, and the key that `write_key` writes is what `write` writes first.
pub trait Row: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The table that the row belongs to.
    const TABLE: &'static Table;
    /// The value of the primary key.
    type Key: Clone + Debug + Eq + Hash + Ord + Send + Sync;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// Writes the key columns in order.
    fn write_key(key: &Self::Key, out: &mut RowWriter);

    /// Writes all columns in order.
    fn write(&self, out: &mut RowWriter);

    /// Reads a row back; columns come in the order of the table's definition, under their names.
    ///
    /// # Errors
    /// When a column is missing or has another type.
    fn read(row: &PgRow) -> Result<Self, sqlx::Error>;
}

/// The event that last changed a row: the last three columns of every table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The `source` of the event.
    pub source: String,
    /// The `id` of the event; with the source it names the event for ever.
    pub id: String,
    /// Where the log has it, such as `brainops.lead/3@1042`.
    pub position: String,
}

impl Changed {
    /// The column that holds the event's source.
    pub const SOURCE: Column = Column::required("changed_by_source", ColumnType::Text);
    /// The column that holds the event's id.
    pub const ID: Column = Column::required("changed_by_id", ColumnType::Text);
    /// The column that holds the event's position.
    pub const POSITION: Column = Column::required("changed_at_position", ColumnType::Text);

    /// Names this event as the one that changed a row.
    pub fn by(event: &Recorded<'_>) -> Self {
        Self {
            source: event.envelope.source().to_owned(),
            id: event.envelope.id().to_owned(),
            position: event.position().to_string(),
        }
    }

    /// Writes the three columns; the last call of every `Row::write`.
    pub fn write(&self, out: &mut RowWriter) {
        out.put(&self.source).put(&self.id).put(&self.position);
    }

    /// Reads the three columns by name.
    ///
    /// # Errors
    /// When a column is missing or has another type.
    pub fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            source: row.try_get(Self::SOURCE.name)?,
            id: row.try_get(Self::ID.name)?,
            position: row.try_get(Self::POSITION.name)?,
        })
    }
}
