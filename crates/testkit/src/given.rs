//! Given events, when they are folded, then rows. Pure: no stack, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use brainops_event::{Outgoing, Position, Timestamp};
use brainops_projection::{FoldError, ReadModel, Row, Rows, Tables};

use crate::record::{Record, Records};

/// Begins a test of a fold.
pub fn given<M: ReadModel>(model: M) -> Given<M> {
    Given { model, records: Records::new(), shared: BTreeSet::new() }
}

/// A read model and the events that it is given.
#[derive(Debug)]
pub struct Given<M> {
    model: M,
    records: Records,
    shared: BTreeSet<&'static str>,
}

impl<M: ReadModel> Given<M> {
    /// Appends these events to the log, in this order.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = Outgoing>) -> Self {
        events.into_iter().for_each(|event| self.records.append(event));
        self
    }

    /// Sets the clock of the log: the next event is recorded at this moment, each further one a second later.
    #[must_use]
    pub fn recorded_from(mut self, moment: Timestamp) -> Self {
        self.records.set_time(moment);
        self
    }

    /// Says that rows of this table are commutative aggregates, which may have several writers.
    #[must_use]
    pub fn with_aggregates_in(mut self, table: &'static str) -> Self {
        self.shared.insert(table);
        self
    }

    /// Folds the events of the read model's topics, one by one, and again as one batch.
    ///
    /// # Panics
    /// When the two differ (then the fold depends on what else is in a batch), or when a row is written by two
    /// subjects (then it depends on how partitions interleave).
    #[track_caller]
    pub fn fold(self) -> Outcome<M> {
        let topics: Vec<String> =
            self.model.topics().iter().map(|topic| format!("brainops.{topic}")).collect();
        let records: Vec<&Record> = self
            .records
            .iter()
            .filter(|record| topics.contains(&record.recorded().topic.to_string()))
            .collect();
        let (mut single, refused) = one_by_one(&self.model, &records, &self.shared);
        let mut batch = as_one_batch(&self.model, &records, &refused);
        let (single_rows, batch_rows) = (all_tuples(&mut single), all_tuples(&mut batch));
        assert!(
            single_rows == batch_rows,
            "{} folds these events to other rows in one batch than one by one",
            self.model.name()
        );
        Outcome { tables: single, refused }
    }
}

/// What became of the events.
pub struct Outcome<M: ReadModel> {
    tables: M::Tables,
    refused: Vec<(Position, FoldError)>,
}

impl<M: ReadModel> fmt::Debug for Outcome<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Outcome").field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl<M: ReadModel> Outcome<M> {
    /// Checks that these are all rows of a table: in the order of their keys, appended ones as they came.
    ///
    /// # Panics
    /// When they are not, or when an event was refused.
    #[track_caller]
    pub fn expect<R: Row>(
        &self,
        table: impl FnOnce(&M::Tables) -> &Rows<R>,
        expected: impl IntoIterator<Item = R>,
    ) -> &Self {
        let found: Vec<R> = table(self.tables()).all().into_iter().cloned().collect();
        let expected: Vec<R> = expected.into_iter().collect();
        assert!(
            found == expected,
            "rows of {} are not as expected\nexpected: {expected:#?}\n   found: {found:#?}",
            R::TABLE.name
        );
        self
    }

    /// The tables, when no event was refused.
    ///
    /// # Panics
    /// When one was.
    #[track_caller]
    pub fn tables(&self) -> &M::Tables {
        if let Some((position, error)) = self.refused.first() {
            panic!("the event at {position} was refused: {error}");
        }
        &self.tables
    }

    /// The tables, whatever was refused.
    pub fn tables_so_far(&self) -> &M::Tables {
        &self.tables
    }

    /// The events that were refused, each the last of its subject that was looked at.
    pub fn refused(&self) -> &[(Position, FoldError)] {
        &self.refused
    }
}

/// Folds as if each event came in a batch of its own. A refused event ends its subject, as in the runtime.
#[track_caller]
fn one_by_one<M: ReadModel>(
    model: &M,
    records: &[&Record],
    shared: &BTreeSet<&'static str>,
) -> (M::Tables, Vec<(Position, FoldError)>) {
    let mut tables = M::Tables::default();
    let mut refused: Vec<(Position, FoldError)> = Vec::new();
    let mut writers: BTreeMap<(&'static str, String), String> = BTreeMap::new();
    for record in records {
        if is_behind(record, records, &refused) {
            continue;
        }
        let event = record.recorded();
        tables.each(&mut |rows| rows.forget_batch());
        let folded = model.want(&event, &mut tables).and_then(|()| model.fold(&event, &mut tables));
        if let Err(error) = folded {
            assert!(!error.is_own_fault(), "the fold is at fault at {}: {error}", record.position());
            refused.push((record.position(), error));
            continue;
        }
        let writer = format!("{} {}", event.topic, event.envelope.subject().unwrap_or_default());
        tables.each(&mut |rows| {
            let table = rows.table().name;
            if shared.contains(table) {
                return;
            }
            for key in rows.changed_keys() {
                let first = writers.entry((table, key.clone())).or_insert_with(|| writer.clone());
                assert!(*first == writer, "row {key} of {table} is written by {first} and by {writer}");
            }
        });
    }
    (tables, refused)
}

/// Folds everything as one batch, but for the events that were refused and those behind them.
#[track_caller]
fn as_one_batch<M: ReadModel>(
    model: &M,
    records: &[&Record],
    refused: &[(Position, FoldError)],
) -> M::Tables {
    let mut tables = M::Tables::default();
    let taken: Vec<&&Record> = records.iter().filter(|record| !is_behind(record, records, refused)).collect();
    for record in &taken {
        if let Err(error) = model.want(&record.recorded(), &mut tables) {
            panic!("in one batch, the event at {} is refused: {error}", record.position());
        }
    }
    for record in &taken {
        if let Err(error) = model.fold(&record.recorded(), &mut tables) {
            panic!("in one batch, the event at {} is refused: {error}", record.position());
        }
    }
    tables
}

/// Whether a record is one that was refused, or comes after one of its subject.
fn is_behind(record: &Record, records: &[&Record], refused: &[(Position, FoldError)]) -> bool {
    let (position, event) = (record.position(), record.recorded());
    let is_same_subject = |first: &Position| {
        let first = records.iter().find(|record| record.position() == *first);
        first.is_some_and(|first| first.recorded().envelope.subject() == event.envelope.subject())
    };
    refused.iter().any(|(first, _)| {
        first.topic == position.topic
            && first.partition == position.partition
            && first.offset <= position.offset
            && is_same_subject(first)
    })
}

#[track_caller]
fn all_tuples<T: Tables>(tables: &mut T) -> Vec<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    tables.each(&mut |rows| match rows.tuples() {
        Ok(tuples) => all.push(tuples),
        Err(error) => panic!("a row of {} cannot be written: {error}", rows.table().name),
    });
    all
}
