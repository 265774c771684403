//! A row of the bench's table.

use brainops_event::{Timestamp, timestamp_from_millis};
use brainops_projection::{Column, ColumnType, FoldError, Row, RowWriter, Table, WriteMode};
use serde::Deserialize;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// What an event sets; text is borrowed from the record.
#[derive(Debug, Deserialize)]
pub(crate) struct LineSet<'a> {
    event_id: &'a str,
    subject: &'a str,
    line: i32,
    seq: i64,
    occurred_at: i64,
    amount: f64,
    price: f64,
    qty: i64,
    version: i64,
    status: &'a str,
    currency: &'a str,
    actor: &'a str,
    note: &'a str,
}

/// A line of an order. `APPENDED` tells how its table is written: by COPY alone, or as upserts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LineRow<const APPENDED: bool> {
    subject: String,
    line: i32,
    event_id: String,
    seq: i64,
    occurred_at: Timestamp,
    amount: f64,
    price: f64,
    qty: i64,
    version: i64,
    status: String,
    currency: String,
    actor: String,
    note: String,
}

impl<const APPENDED: bool> LineRow<APPENDED> {
    /// The row that an event leaves.
    pub(crate) fn of(set: &LineSet<'_>) -> Result<Self, FoldError> {
        let occurred_at = timestamp_from_millis(set.occurred_at);
        Ok(Self {
            subject: set.subject.to_owned(),
            line: set.line,
            event_id: set.event_id.to_owned(),
            seq: set.seq,
            occurred_at: occurred_at.ok_or_else(|| FoldError::refused("its time cannot be"))?,
            amount: set.amount,
            price: set.price,
            qty: set.qty,
            version: set.version,
            status: set.status.to_owned(),
            currency: set.currency.to_owned(),
            actor: set.actor.to_owned(),
            note: set.note.to_owned(),
        })
    }
}

/// The columns, those of the key first.
pub(crate) const COLUMNS: &[Column] = &[
    Column::required("subject", ColumnType::Text),
    Column::required("line", ColumnType::Int4),
    Column::required("event_id", ColumnType::Text),
    Column::required("seq", ColumnType::Int8),
    Column::required("occurred_at", ColumnType::Timestamptz),
    Column::required("amount", ColumnType::Float8),
    Column::required("price", ColumnType::Float8),
    Column::required("qty", ColumnType::Int8),
    Column::required("version", ColumnType::Int8),
    Column::required("status", ColumnType::Text),
    Column::required("currency", ColumnType::Text),
    Column::required("actor", ColumnType::Text),
    Column::required("note", ColumnType::Text),
];

static UPSERTED: Table = table(WriteMode::Upsert);
static APPENDED: Table = table(WriteMode::Append);

const fn table(mode: WriteMode) -> Table {
    Table { name: "line", columns: COLUMNS, key_columns: 2, mode, month_partitioned_by: None }
}

impl<const IS_APPENDED: bool> Row for LineRow<IS_APPENDED> {
    const TABLE: &'static Table = if IS_APPENDED { &APPENDED } else { &UPSERTED };

    type Key = (String, i32);

    fn key(&self) -> Self::Key {
        (self.subject.clone(), self.line)
    }

    fn write_key((subject, line): &Self::Key, out: &mut RowWriter) {
        out.put(subject).put(line);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.subject)
            .put(&self.line)
            .put(&self.event_id)
            .put(&self.seq)
            .put(&self.occurred_at)
            .put(&self.amount)
            .put(&self.price)
            .put(&self.qty)
            .put(&self.version)
            .put(&self.status)
            .put(&self.currency)
            .put(&self.actor)
            .put(&self.note);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            subject: row.try_get("subject")?,
            line: row.try_get("line")?,
            event_id: row.try_get("event_id")?,
            seq: row.try_get("seq")?,
            occurred_at: row.try_get("occurred_at")?,
            amount: row.try_get("amount")?,
            price: row.try_get("price")?,
            qty: row.try_get("qty")?,
            version: row.try_get("version")?,
            status: row.try_get("status")?,
            currency: row.try_get("currency")?,
            actor: row.try_get("actor")?,
            note: row.try_get("note")?,
        })
    }
}
