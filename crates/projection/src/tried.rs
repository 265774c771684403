//! Tries this program's fold on a parked subject, without effect: what would a retry come to?
//!
//! The subject's records are read again from the beginning of their partition and folded in memory, without what people
//! have dismissed, up to the last one that is held. What this takes is a way to read the log, and nothing else: no
//! database, no way to append. So the rows that it shows are those of this program's fold from the first event on, which
//! need not be those that an older version has stored. Of a table whose rows have several writers (a counter, say) it
//! knows this subject's part.
//!
//! A refused event may have changed rows before it was refused. So each event is folded twice: into rows that are given
//! up when it is refused, and only then into those that count. A fold that does not do the same twice is found so.
//! Memory: one batch of the log, and the subject's rows a few times.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use brainops_event::{Frontier, Offset, Position, Recorded};
use brainops_log::{Item, ReadError, ReadOnlyCluster, Registry, read_judging_schemas_at_once};
use serde_json::Value;
use thiserror::Error;

use crate::batch::{chain, guarded, place_of};
use crate::error::FoldError;
use crate::model::ReadModel;
use crate::parked::ParkedSubject;
use crate::reason::ReasonClass;
use crate::rows::Tables;
use crate::sort::{class_of, event_of, subject_of};
use crate::table::{Column, Table};
use crate::tuple::{columns, value};

/// What a retry would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// How many of the held records would be folded, from the first one on.
    pub folded: u64,
    /// Where it would fail again; `None` when nothing would be held any more.
    pub failed: Option<FailedAgain>,
    /// How many records of the subject were left out, since people have dismissed them.
    pub left_out: u64,
    /// How many rows the subject has before its first held record.
    pub rows_before: usize,
    /// The rows that would be there then and are not now, or are others; in the order of tables and keys.
    pub changed: Vec<ChangedRow>,
}

/// The record at which it would fail again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAgain {
    /// Where it stands. Before the first held record: this fold refuses what the one before it took.
    pub position: Position,
    /// Its type, if it can be read so far.
    pub event_type: Option<String>,
    /// Source and id of the event, if it can be read so far.
    pub event: Option<(String, String)>,
    /// Class of the failure.
    pub reason_class: ReasonClass,
    /// What is wrong with it, in words.
    pub reason: String,
    /// How many of the records that are held now would still be.
    pub held: u64,
}

/// A row that would be made or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedRow {
    /// The table.
    pub table: &'static str,
    /// Whether there is no row of this key now.
    pub is_new: bool,
    /// Its key: names of columns, and values as JSON.
    pub key: Vec<(&'static str, Value)>,
    /// The columns that change; of a new row those that are not null.
    pub columns: Vec<ChangedColumn>,
}

/// A column that would change.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedColumn {
    /// Its name.
    pub name: &'static str,
    /// The value now, null in a new row.
    pub before: Value,
    /// The value then.
    pub after: Value,
}

/// Why it is not known what a retry would come to.
#[derive(Debug, Error)]
pub enum TryError {
    /// The log cannot be read.
    #[error("cannot read the records before and behind {first}")]
    Read {
        /// The first record that is held.
        first: Position,
        /// Why.
        source: Box<ReadError>,
    },
    /// The record that is said to be held is not there.
    #[error("the log has no record of the subject at {first}")]
    NotThere {
        /// The first record that is held.
        first: Position,
    },
    /// The read model's own code is at fault: it would stop there.
    #[error("the fold itself is at fault at {position}")]
    OwnFault {
        /// The event at which it showed.
        position: Position,
        /// What it did.
        source: FoldError,
    },
    /// The fold has taken the event and then refused the same, with the same rows.
    #[error("the fold is not the same function each time, at {position}")]
    NotDeterministic {
        /// The event at which it showed.
        position: Position,
        /// What it did the second time.
        source: FoldError,
    },
}

/// Tries the fold of this program on a parked subject. `dismissed`: the records of its partition that people have
/// dismissed, see [`dismissed`](crate::dismissed()). A decision that is not carried out yet counts for nothing.
///
/// # Errors
/// [`TryError`] when the log cannot be read, or the fold is at fault rather than an event.
pub async fn try_parked<M: ReadModel>(
    model: &M,
    log: &ReadOnlyCluster,
    registry: &Registry,
    parked: &ParkedSubject,
    dismissed: &BTreeSet<Offset>,
) -> Result<Tried, TryError> {
    let failed = |source| TryError::Read { first: parked.first.clone(), source: Box::new(source) };
    let mut trial = Trial::new(model, parked, dismissed);
    let start = if parked.subject.is_some() { Offset::ZERO } else { parked.first.offset };
    let (mut from, mut to) = (Frontier::new(), Frontier::new());
    from.set(parked.topic.clone(), parked.partition, start);
    to.set(parked.topic.clone(), parked.partition, parked.last_offset.next());
    let mut reading = read_judging_schemas_at_once(log, registry, &from, &to).await.map_err(failed)?;
    while let Some(batch) = reading.next().await {
        let batch = batch.map_err(failed)?;
        for item in batch.items() {
            if trial.take(&item)?.is_break() {
                return trial.end();
            }
        }
    }
    trial.end()
}

/// The rows of each table, by their keys as bytes.
type Snapshot = Vec<BTreeMap<Vec<u8>, Vec<u8>>>;

/// One subject, as far as it was folded.
struct Trial<'a, M: ReadModel> {
    model: &'a M,
    parked: &'a ParkedSubject,
    dismissed: &'a BTreeSet<Offset>,
    /// Given up when an event is refused.
    probe: M::Tables,
    /// Those of accepted events alone.
    tables: M::Tables,
    /// The rows before the first held record, once it is reached.
    before: Option<Snapshot>,
    folded: u64,
    left_out: u64,
    failed: Option<FailedAgain>,
}

impl<'a, M: ReadModel> Trial<'a, M> {
    fn new(model: &'a M, parked: &'a ParkedSubject, dismissed: &'a BTreeSet<Offset>) -> Self {
        let (probe, tables) = (M::Tables::default(), M::Tables::default());
        let (before, failed) = (None, None);
        Self { model, parked, dismissed, probe, tables, before, folded: 0, left_out: 0, failed }
    }

    /// Takes one record of the partition. Ends when the subject cannot be folded any further.
    fn take(&mut self, item: &Item<'_>) -> Result<ControlFlow<()>, TryError> {
        let offset = place_of(item).1;
        let Some(subject) = &self.parked.subject else {
            if offset == self.parked.first.offset {
                self.before = Some(Snapshot::new());
                self.fail(item, self.parked.reason_class, self.alone(item));
            }
            return Ok(ControlFlow::Continue(()));
        };
        if subject_of(item) != Some(subject) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.before.is_none() && offset >= self.parked.first.offset {
            if offset != self.parked.first.offset {
                return Ok(ControlFlow::Break(())); // nothing of the subject stands where its queue begins
            }
            self.before = Some(snapshot(&mut self.tables));
        }
        if self.dismissed.contains(&offset) {
            self.left_out += 1;
            return Ok(ControlFlow::Continue(()));
        }
        let refused = match item {
            Item::Event(event) => self.fold(event)?.map(|error| (error.class(), chain(&error))),
            Item::Poison { error, .. } => Some((class_of(error), chain(error))),
            Item::Duplicate { .. } | Item::Misplaced { .. } => return Ok(ControlFlow::Continue(())),
        };
        if let Some((class, reason)) = refused {
            self.fail(item, class, reason);
            return Ok(ControlFlow::Break(()));
        }
        self.folded += u64::from(self.before.is_some());
        Ok(ControlFlow::Continue(()))
    }

    /// Folds an event; answers why it is refused, if it is.
    fn fold(&mut self, event: &Recorded<'_>) -> Result<Option<FoldError>, TryError> {
        let position = || event.position();
        match fold_one(self.model, event, &mut self.probe) {
            Ok(()) => {}
            Err(source) if source.is_own_fault() => {
                return Err(TryError::OwnFault { position: position(), source });
            }
            Err(refused) => return Ok(Some(refused)),
        }
        let again = fold_one(self.model, event, &mut self.tables);
        again.map_err(|source| TryError::NotDeterministic { position: position(), source })?;
        Ok(None)
    }

    fn fail(&mut self, item: &Item<'_>, reason_class: ReasonClass, reason: String) {
        let ((topic, partition), offset, _) = place_of(item);
        let event_type = match item {
            Item::Event(event) => Some(event.envelope.event_type().to_owned()),
            Item::Misplaced { envelope, .. } => envelope.as_ref().map(|view| view.event_type().to_owned()),
            Item::Duplicate { .. } | Item::Poison { .. } => None,
        };
        self.failed = Some(FailedAgain {
            position: Position { topic, partition, offset },
            event_type,
            event: event_of(item),
            reason_class,
            reason,
            held: self.parked.held.saturating_sub(self.folded),
        });
    }

    /// Why a record that is held alone stays so.
    fn alone(&self, item: &Item<'_>) -> String {
        let why = match item {
            Item::Misplaced { reason, .. } => reason.to_string(),
            Item::Poison { error, .. } => chain(error),
            Item::Event(_) | Item::Duplicate { .. } => self.parked.reason.clone(),
        };
        format!("it is held alone, and can only be dismissed: {why}")
    }

    fn end(mut self) -> Result<Tried, TryError> {
        let before = match (self.before.take(), &self.failed) {
            (Some(before), _) => before,
            (None, Some(_)) => snapshot(&mut self.tables),
            (None, None) => return Err(TryError::NotThere { first: self.parked.first.clone() }),
        };
        let rows_before = before.iter().map(BTreeMap::len).sum();
        let changed = changed(&mut self.tables, &before);
        let Self { folded, failed, left_out, .. } = self;
        Ok(Tried { folded, failed, left_out, rows_before, changed })
    }
}

/// As if the event were a batch of its own, with the rows in place of the database.
fn fold_one<M: ReadModel>(model: &M, event: &Recorded<'_>, tables: &mut M::Tables) -> Result<(), FoldError> {
    tables.each(&mut |rows| rows.forget_batch());
    guarded(|| model.want(event, tables).and_then(|()| model.fold(event, tables)))
}

/// The rows that are there. One that cannot be written is none: it was written when the fold put it.
fn snapshot<T: Tables>(tables: &mut T) -> Snapshot {
    let mut all = Snapshot::new();
    tables.each(&mut |rows| {
        let table = rows.table();
        let tuples = rows.tuples().unwrap_or_default().into_iter();
        all.push(tuples.map(|tuple| (key_bytes(table, &tuple), tuple)).collect());
    });
    all
}

/// The bytes of a row's key columns, lengths included, so that no two keys have the same.
fn key_bytes(table: &Table, tuple: &[u8]) -> Vec<u8> {
    let key = columns(table, tuple).unwrap_or_default().into_iter().take(table.key_columns);
    key.flat_map(|bytes| {
        let bytes = bytes.unwrap_or_default();
        [&(bytes.len() as u64).to_be_bytes()[..], bytes].concat()
    })
    .collect()
}

/// The rows that are others than before.
fn changed<T: Tables>(tables: &mut T, before: &Snapshot) -> Vec<ChangedRow> {
    let (after, nothing) = (snapshot(tables), BTreeMap::new());
    let mut all = Vec::new();
    for ((number, table), rows) in T::definitions().into_iter().enumerate().zip(&after) {
        let before = before.get(number).unwrap_or(&nothing);
        for (key, row) in rows {
            let known = before.get(key);
            if known != Some(row) {
                all.push(changed_row(table, known.map(Vec::as_slice), row));
            }
        }
    }
    all
}

fn changed_row(table: &'static Table, before: Option<&[u8]>, after: &[u8]) -> ChangedRow {
    let after = values(table, after);
    let before = before.map(|row| values(table, row));
    let (key, rest) = table.columns.split_at(table.key_columns);
    let key = key.iter().zip(&after).map(|(column, value)| (column.name, value.clone())).collect();
    let column = |(number, column): (usize, &Column)| {
        let number = number + table.key_columns;
        let of = |row: &[Value]| row.get(number).cloned().unwrap_or_default();
        let (before, after) = (before.as_deref().map(of).unwrap_or_default(), of(&after));
        (before != after).then_some(ChangedColumn { name: column.name, before, after })
    };
    let columns = rest.iter().enumerate().filter_map(column).collect();
    ChangedRow { table: table.name, is_new: before.is_none(), key, columns }
}

fn values(table: &Table, tuple: &[u8]) -> Vec<Value> {
    let bytes = columns(table, tuple).unwrap_or_default();
    table.columns.iter().zip(bytes).map(|(column, bytes)| value(column, bytes)).collect()
}
