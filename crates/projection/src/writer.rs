//! The hand that a row writes itself into: column by column, into arrays for an upsert or into a COPY stream.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::error::FoldError;
use crate::table::{Column, Table};
use crate::value::{ListForm, Presence, Storable, Unstorable, length_prefix};

/// The most bytes that the values of a primary key may have together: a B-tree entry of Postgres ends at 2,704.
pub(crate) const MAX_KEY_BYTES: usize = 2_600;

/// A month of UTC, by which a table is partitioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    first_day: NaiveDate,
}

impl Month {
    /// The month of a moment; `None` outside of the years 1 to 9998, for which partitions can be named.
    pub fn of(moment: DateTime<Utc>) -> Option<Self> {
        let date = moment.date_naive();
        let named = (1..=9998).contains(&date.year());
        date.with_day(1).filter(|_| named).map(|first_day| Self { first_day })
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.first_day
    }

    /// The first day of the month after it.
    pub fn next_first_day(self) -> NaiveDate {
        self.first_day.checked_add_months(chrono::Months::new(1)).unwrap_or(NaiveDate::MAX)
    }

    /// `2026_10`, the end of the partition's name.
    pub fn suffix(self) -> String {
        self.first_day.format("%Y_%m").to_string()
    }
}

/// The values of one column for all rows of a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnValues {
    /// Elements as Postgres writes them in an array: length (or -1 for NULL), then bytes.
    pub(crate) elements: Vec<u8>,
    pub(crate) count: usize,
    pub(crate) has_null: bool,
}

#[derive(Debug)]
enum Sink {
    /// Values are checked and forgotten.
    Check(Vec<u8>),
    /// One array per column, for UNNEST.
    Columns(Vec<ColumnValues>),
    /// Rows one after another, for COPY.
    Tuples(Vec<u8>),
}

/// Takes the values of a row in the order of the table's columns.
///
/// Errors are kept until the row ends, so that `Row::write` reads as a plain list of columns.
#[derive(Debug)]
pub struct RowWriter {
    table: &'static Table,
    expected: &'static [Column],
    /// The place of the column that the table is partitioned by.
    month_column: Option<usize>,
    next: usize,
    key_bytes: usize,
    failure: Option<FoldError>,
    months: BTreeSet<Month>,
    rows: usize,
    sink: Sink,
}

impl RowWriter {
    pub(crate) fn checking(table: &'static Table) -> Self {
        Self::new(table, table.columns, Sink::Check(Vec::new()))
    }

    pub(crate) fn checking_key(table: &'static Table) -> Self {
        Self::new(table, table.key(), Sink::Check(Vec::new()))
    }

    pub(crate) fn for_upsert(table: &'static Table) -> Self {
        Self::new(table, table.columns, Sink::Columns(vec![ColumnValues::default(); table.columns.len()]))
    }

    pub(crate) fn for_keys(table: &'static Table) -> Self {
        let key = table.key();
        Self::new(table, key, Sink::Columns(vec![ColumnValues::default(); key.len()]))
    }

    pub(crate) fn for_copy(table: &'static Table) -> Self {
        Self::new(table, table.columns, Sink::Tuples(Vec::new()))
    }

    fn new(table: &'static Table, expected: &'static [Column], sink: Sink) -> Self {
        let (failure, months, month_column) = (None, BTreeSet::new(), table.month_column());
        Self { table, expected, month_column, next: 0, key_bytes: 0, failure, months, rows: 0, sink }
    }

    /// Writes the next column of the row.
    ///
    /// A value of another type than the column's, one column too many, or a value that Postgres cannot hold makes
    /// the row fail when it ends.
    pub fn put<V: Storable + ?Sized>(&mut self, value: &V) -> &mut Self {
        if self.failure.is_some() {
            return self;
        }
        if let Err(failure) = self.try_put(value) {
            self.failure = Some(failure);
        }
        self
    }

    fn try_put<V: Storable + ?Sized>(&mut self, value: &V) -> Result<(), FoldError> {
        let column =
            self.expected.get(self.next).ok_or(FoldError::TooManyColumns { table: self.table.name })?;
        if column.kind != V::KIND {
            return Err(FoldError::WrongType {
                table: self.table.name,
                column: column.name,
                expected: column.kind.sql(),
                found: V::KIND.sql(),
            });
        }
        match self.sink.write(self.next, value).map_err(|reason| self.unstorable(column, reason))? {
            Written::Null if !column.nullable => return Err(self.unstorable(column, Unstorable::Null)),
            Written::Null => {}
            Written::Bytes(bytes) => self.note_key(column, bytes)?,
        }
        if self.month_column == Some(self.next) {
            let month = value.moment().and_then(Month::of);
            let month = month.ok_or_else(|| self.unstorable(column, Unstorable::TimeOutOfRange))?;
            if self.months.last() != Some(&month) {
                self.months.insert(month); // mostly the month of the row before
            }
        }
        self.next += 1;
        Ok(())
    }

    /// Counts the bytes of the key, for an entry of its index must hold them.
    fn note_key(&mut self, column: &'static Column, bytes: usize) -> Result<(), FoldError> {
        if self.next < self.table.key_columns {
            self.key_bytes += bytes;
        }
        if self.key_bytes > MAX_KEY_BYTES {
            let reason = Unstorable::TooLong { bytes: self.key_bytes, limit: MAX_KEY_BYTES };
            return Err(self.unstorable(column, reason));
        }
        Ok(())
    }

    fn unstorable(&self, column: &'static Column, reason: Unstorable) -> FoldError {
        FoldError::Unrepresentable { table: self.table.name, column: column.name, reason }
    }

    /// Writes one row and says whether all of it can be stored. Of a row that cannot, a COPY stream keeps nothing;
    /// arrays of columns may keep a part, and are of no use then.
    pub(crate) fn write_row(&mut self, write: impl FnOnce(&mut Self)) -> Result<(), FoldError> {
        self.next = 0;
        self.key_bytes = 0;
        self.failure = None;
        let begin = self.sink.begin_row(self.expected.len());
        write(self);
        let failure = self.failure.take().or_else(|| {
            let missing = self.expected.get(self.next)?;
            Some(FoldError::MissingColumn { table: self.table.name, column: missing.name })
        });
        if let Some(failure) = failure {
            self.sink.take_back(begin);
            return Err(failure);
        }
        self.rows += 1;
        Ok(())
    }

    /// The bytes of all rows, as COPY sends them.
    pub(crate) fn into_tuples(self) -> Vec<u8> {
        match self.sink {
            Sink::Tuples(tuples) => tuples,
            Sink::Check(_) | Sink::Columns(_) => Vec::new(),
        }
    }

    pub(crate) fn into_written(self) -> WrittenRows {
        let values = match self.sink {
            Sink::Check(_) => Values::Columns(Vec::new()),
            Sink::Columns(columns) => Values::Columns(columns),
            Sink::Tuples(tuples) => Values::Tuples(tuples),
        };
        WrittenRows { table: self.table, rows: self.rows, months: self.months, values }
    }
}

/// All rows of one statement.
#[derive(Debug)]
pub struct WrittenRows {
    pub(crate) table: &'static Table,
    pub(crate) rows: usize,
    pub(crate) months: BTreeSet<Month>,
    pub(crate) values: Values,
}

impl WrittenRows {
    /// Rows of a COPY stream as one array per column. An element is the same bytes in both, but for lists of texts.
    pub(crate) fn into_columns(self) -> Self {
        let Values::Tuples(tuples) = &self.values else { return self };
        let mut columns = vec![ColumnValues::default(); self.table.columns.len()];
        let mut rest = tuples.as_slice();
        while let Some((_, row)) = rest.split_at_checked(2) {
            rest = row; // behind the number of columns, which is always the same
            for column in &mut columns {
                let Some((length, _)) = rest.split_first_chunk::<4>() else { return self };
                let bytes = 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0); // -1 is NULL
                let Some((element, behind)) = rest.split_at_checked(bytes) else { return self };
                column.elements.extend_from_slice(element);
                column.count += 1;
                column.has_null |= i32::from_be_bytes(*length) < 0;
                rest = behind;
            }
        }
        Self { values: Values::Columns(columns), ..self }
    }
}

#[derive(Debug)]
pub(crate) enum Values {
    Columns(Vec<ColumnValues>),
    Tuples(Vec<u8>),
}

#[derive(Debug, PartialEq, Eq)]
enum Written {
    Bytes(usize),
    Null,
}

impl Sink {
    /// Begins a row; answers where it begins in a COPY stream.
    fn begin_row(&mut self, columns: usize) -> usize {
        let Self::Tuples(tuples) = self else { return 0 };
        let begin = tuples.len();
        let columns = i16::try_from(columns).unwrap_or(i16::MAX);
        tuples.extend_from_slice(&columns.to_be_bytes());
        begin
    }

    /// Forgets what a COPY stream holds from there on.
    fn take_back(&mut self, begin: usize) {
        if let Self::Tuples(tuples) = self {
            tuples.truncate(begin);
        }
    }

    fn write<V: Storable + ?Sized>(&mut self, column: usize, value: &V) -> Result<Written, Unstorable> {
        match self {
            Self::Check(scratch) => {
                scratch.clear();
                write_element(value, ListForm::Binary, scratch)
            }
            Self::Tuples(tuples) => write_element(value, ListForm::Binary, tuples),
            Self::Columns(columns) => {
                let values = &mut columns[column];
                let written = write_element(value, ListForm::Literal, &mut values.elements)?;
                values.count += 1;
                values.has_null |= written == Written::Null;
                Ok(written)
            }
        }
    }
}

/// Writes one element: its length, then its bytes; a length of -1 is NULL.
fn write_element<V: Storable + ?Sized>(
    value: &V,
    form: ListForm,
    out: &mut Vec<u8>,
) -> Result<Written, Unstorable> {
    let start = out.len();
    out.extend_from_slice(&(-1_i32).to_be_bytes());
    if value.encode(form, out)? == Presence::Null {
        return Ok(Written::Null);
    }
    let bytes = out.len() - start - 4;
    out[start..start + 4].copy_from_slice(&length_prefix(bytes));
    Ok(Written::Bytes(bytes))
}
