//! The rows of one batch: what a fold asked for, what was there, what it changed.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sqlx::postgres::PgRow;

use crate::error::FoldError;
use crate::row::Row;
use crate::table::{Table, WriteMode};
use crate::writer::{RowWriter, WrittenRows};

/// One table's rows in a batch.
///
/// A fold first names what it will read (`want`), the runtime loads all of it at once, then the fold reads (`get`)
/// and writes (`put`). Several changes to one row within a batch become one.
#[derive(Debug)]
pub struct Rows<R: Row> {
    slots: HashMap<R::Key, Slot<R>, RandomState>,
    appended: Vec<R>,
    /// Of a table whose rows are never changed: the rows as they will be sent. Else it checks a row and forgets it,
    /// for a later one may take its place.
    writer: RowWriter,
}

#[derive(Debug)]
struct Slot<R> {
    row: Option<R>,
    wanted: bool,
    changed: bool,
}

impl<R> Slot<R> {
    const EMPTY: Self = Self { row: None, wanted: false, changed: false };
}

impl<R: Row> Default for Rows<R> {
    fn default() -> Self {
        Self { slots: HashMap::default(), appended: Vec::new(), writer: writer::<R>() }
    }
}

impl<R: Row> Rows<R> {
    /// Names a row that the fold of this event will read.
    ///
    /// # Errors
    /// [`FoldError::Unrepresentable`] when the key can be no row's key, [`FoldError::AppendOnly`] for a table whose
    /// rows are never read back.
    pub fn want(&mut self, key: R::Key) -> Result<(), FoldError> {
        if R::TABLE.mode == WriteMode::Append {
            return Err(FoldError::AppendOnly { table: R::TABLE.name });
        }
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.wanted = true;
            return Ok(());
        }
        let mut writer = RowWriter::checking_key(R::TABLE);
        writer.write_row(|out| R::write_key(&key, out))?;
        self.slots.insert(key, Slot { wanted: true, ..Slot::EMPTY });
        Ok(())
    }

    /// The row as this batch has left it so far, `None` when there is none.
    ///
    /// # Errors
    /// [`FoldError::NotWanted`] when no `want` named the key: the answer would depend on what else is in the batch.
    pub fn get(&self, key: &R::Key) -> Result<Option<&R>, FoldError> {
        if R::TABLE.mode == WriteMode::Append {
            return Err(FoldError::AppendOnly { table: R::TABLE.name });
        }
        match self.slots.get(key) {
            Some(slot) if slot.wanted => Ok(slot.row.as_ref()),
            _ => Err(FoldError::NotWanted { table: R::TABLE.name }),
        }
    }

    /// Writes a row, in place of the one with its key if the table is not append-only.
    ///
    /// # Errors
    /// [`FoldError::Unrepresentable`] when the table cannot hold one of its values; nothing is changed then.
    pub fn put(&mut self, row: R) -> Result<(), FoldError> {
        self.writer.write_row(|out| row.write(out))?;
        if R::TABLE.mode == WriteMode::Append {
            self.appended.push(row);
            return Ok(());
        }
        let slot = self.slots.entry(row.key()).or_insert(Slot::EMPTY);
        if slot.row.as_ref() != Some(&row) {
            slot.changed = true;
            slot.row = Some(row);
        }
        Ok(())
    }

    /// All rows that are known here: in the order of their keys, appended ones as they came.
    pub fn all(&self) -> Vec<&R> {
        let mut rows: Vec<&R> = self.slots.values().filter_map(|slot| slot.row.as_ref()).collect();
        rows.sort_by_key(|row| row.key());
        rows.extend(&self.appended);
        rows
    }

    /// Changed rows in the order of their keys, so that two writers lock rows in one order.
    fn changed(&self) -> Vec<&R> {
        let mut changed: Vec<(&R::Key, &R)> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.changed)
            .filter_map(|(key, slot)| slot.row.as_ref().map(|row| (key, row)))
            .collect();
        changed.sort_unstable_by_key(|(key, _)| *key);
        changed.into_iter().map(|(_, row)| row).collect()
    }
}

/// [`Rows`] of any table, as the runtime and the test kit see them.
pub trait AnyRows: Send {
    /// The table of the rows.
    fn table(&self) -> &'static Table;

    /// The keys of all rows that were named by `want`, in their order; `None` when there are none.
    ///
    /// # Errors
    /// [`FoldError`] when a key writes itself in another shape than its table has.
    fn write_wanted(&self) -> Result<Option<WrittenRows>, FoldError>;

    /// Takes a row that the database had for a wanted key.
    ///
    /// # Errors
    /// When the row cannot be read.
    fn accept(&mut self, row: &PgRow) -> Result<(), sqlx::Error>;

    /// Whether any row was named by `want`.
    fn wants(&self) -> bool;

    /// How many rows are known here or were asked for, appended ones among them.
    fn rows(&self) -> usize;

    /// The rows to be written, once; `None` when nothing changed.
    ///
    /// # Errors
    /// [`FoldError`] when a row writes itself in another shape than its table has.
    fn write_changed(&mut self) -> Result<Option<WrittenRows>, FoldError>;

    /// All rows that are known here as a COPY sends them, in the order of their keys, once; `None` when there are none.
    /// For tables that are empty, and get no row twice.
    ///
    /// # Errors
    /// [`FoldError`] when a row writes itself in another shape than its table has.
    fn write_final(&mut self) -> Result<Option<WrittenRows>, FoldError>;

    /// All rows that are known here, as COPY would send them, one by one.
    ///
    /// # Errors
    /// [`FoldError`] when a row writes itself in another shape than its table has.
    fn tuples(&self) -> Result<Vec<Vec<u8>>, FoldError>;

    /// The keys of rows that were changed since the last `forget_batch`, for messages; appended rows left out.
    fn changed_keys(&self) -> Vec<String>;

    /// Keeps the rows and forgets which were wanted and changed: as if the next batch began, with the rows in place
    /// of the database.
    fn forget_batch(&mut self);
}

impl<R: Row> AnyRows for Rows<R> {
    fn table(&self) -> &'static Table {
        R::TABLE
    }

    fn write_wanted(&self) -> Result<Option<WrittenRows>, FoldError> {
        let mut keys: Vec<&R::Key> =
            self.slots.iter().filter(|(_, slot)| slot.wanted).map(|(key, _)| key).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        keys.sort();
        let mut writer = RowWriter::for_keys(R::TABLE);
        for key in keys {
            writer.write_row(|out| R::write_key(key, out))?;
        }
        Ok(Some(writer.into_written()))
    }

    fn accept(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let row = R::read(row)?;
        let slot = self.slots.entry(row.key()).or_insert(Slot::EMPTY);
        slot.row = Some(row);
        Ok(())
    }

    fn write_changed(&mut self) -> Result<Option<WrittenRows>, FoldError> {
        if R::TABLE.mode == WriteMode::Append {
            let written = std::mem::replace(&mut self.writer, writer::<R>()).into_written();
            return Ok(Some(written).filter(|written| written.rows > 0));
        }
        let changed = self.changed();
        if changed.is_empty() {
            return Ok(None);
        }
        let mut writer = RowWriter::for_upsert(R::TABLE);
        for row in changed {
            writer.write_row(|out| row.write(out))?;
        }
        Ok(Some(writer.into_written()))
    }

    fn write_final(&mut self) -> Result<Option<WrittenRows>, FoldError> {
        if R::TABLE.mode == WriteMode::Append {
            return self.write_changed();
        }
        let slots = std::mem::take(&mut self.slots);
        let mut rows: Vec<(R::Key, R)> =
            slots.into_iter().filter_map(|(key, slot)| Some((key, slot.row?))).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        rows.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        let mut writer = RowWriter::for_copy(R::TABLE);
        for (_, row) in &rows {
            writer.write_row(|out| row.write(out))?;
        }
        Ok(Some(writer.into_written()))
    }

    fn wants(&self) -> bool {
        self.slots.values().any(|slot| slot.wanted)
    }

    fn rows(&self) -> usize {
        self.slots.len() + self.appended.len()
    }

    fn tuples(&self) -> Result<Vec<Vec<u8>>, FoldError> {
        self.all().into_iter().map(tuple).collect()
    }

    fn changed_keys(&self) -> Vec<String> {
        self.slots.iter().filter(|(_, slot)| slot.changed).map(|(key, _)| format!("{key:?}")).collect()
    }

    fn forget_batch(&mut self) {
        for slot in self.slots.values_mut() {
            slot.wanted = false;
            slot.changed = false;
        }
    }
}

/// What rows are written into when they are put.
fn writer<R: Row>() -> RowWriter {
    match R::TABLE.mode {
        WriteMode::Upsert => RowWriter::checking(R::TABLE),
        WriteMode::Append => RowWriter::for_copy(R::TABLE),
    }
}

fn tuple<R: Row>(row: &R) -> Result<Vec<u8>, FoldError> {
    let mut writer = RowWriter::for_copy(R::TABLE);
    writer.write_row(|out| row.write(out))?;
    Ok(writer.into_tuples())
}

/// All tables of a read model in one batch: a plain struct with one [`Rows`] per table.
pub trait Tables: Default + Send {
    /// Visits each table, always in the same order.
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows));

    /// The definitions of all tables, in the order of `each`.
    fn definitions() -> Vec<&'static Table>;
}
