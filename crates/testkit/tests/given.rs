//! The kit's own promises: it folds without a stack, and notices folds that break the laws.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what must hold")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use brainops_event::types::business::MetricRecorded;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Recorded, Source, Subject, TypedEvent as _};
use brainops_projection::{
    AnyRows, Changed, Column, ColumnType, FoldError, ReadModel, Row, RowWriter, Rows, Table, Tables,
    WriteMode,
};
use brainops_testkit::given;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

static COUNT: Table = Table {
    name: "count",
    columns: &[
        Column::required("name", ColumnType::Text),
        Column::required("times", ColumnType::Int8),
        Changed::SOURCE,
        Changed::ID,
        Changed::POSITION,
    ],
    key_columns: 1,
    mode: WriteMode::Upsert,
    month_partitioned_by: None,
};

#[derive(Debug, Clone, PartialEq)]
struct Count {
    name: String,
    times: i64,
    changed: Changed,
}

impl Row for Count {
    const TABLE: &'static Table = &COUNT;
    type Key = String;

    fn key(&self) -> String {
        self.name.clone()
    }

    fn write_key(key: &String, out: &mut RowWriter) {
        out.put(key);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.name).put(&self.times);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { name: row.try_get("name")?, times: row.try_get("times")?, changed: Changed::read(row)? })
    }
}

#[derive(Debug, Default)]
struct Counts {
    counts: Rows<Count>,
}

impl Tables for Counts {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.counts);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![&COUNT]
    }
}

/// How the fold breaks the law, if it does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It counts all subjects in one row.
    SharesARow,
    /// What it writes depends on what the batch has asked for.
    LooksAtTheBatch,
}

#[derive(Debug)]
struct Model(Fault);

impl Model {
    fn name_of(&self, event: &Recorded<'_>) -> String {
        match self.0 {
            Fault::SharesARow => "all".to_owned(),
            Fault::None | Fault::LooksAtTheBatch => event.envelope.subject().unwrap_or_default().to_owned(),
        }
    }
}

impl ReadModel for Model {
    type Tables = Counts;

    fn name(&self) -> &'static str {
        "counts"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["business"]
    }

    fn tables_sql(&self) -> &'static str {
        ""
    }

    fn views_sql(&self) -> &'static str {
        ""
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut Counts) -> Result<(), FoldError> {
        tables.counts.want(self.name_of(event))
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Counts) -> Result<(), FoldError> {
        if event.decode::<MetricRecorded>()?.value < 0.0 {
            return Err(FoldError::refused("it is negative"));
        }
        let name = self.name_of(event);
        let mut times = tables.counts.get(&name)?.map_or(0, |row| row.times) + 1;
        if self.0 == Fault::LooksAtTheBatch && tables.counts.get(&"b".to_owned()).is_ok() {
            times += 100;
        }
        tables.counts.put(Count { name, times, changed: Changed::by(event) })
    }
}

fn event(subject: &str, id: &str, value: f64) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("tests/testkit").unwrap(),
        EventType::new(MetricRecorded::EVENT_TYPE).unwrap(),
        Subject::new(subject).unwrap(),
    );
    let (metric, unit) = ("mrr".to_owned(), "EUR".to_owned());
    Outgoing::typed(envelope, &MetricRecorded { metric, value, unit, dimensions: BTreeMap::new() }).unwrap()
}

fn count(name: &str, times: i64, id: &str, position: &str) -> Count {
    let changed =
        Changed { source: "tests/testkit".to_owned(), id: id.to_owned(), position: position.to_owned() };
    Count { name: name.to_owned(), times, changed }
}

/// What a test would have shown that fails.
fn failure(test: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(test)).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn events_are_folded_and_repeats_left_out() {
    let events = [event("a", "1", 1.0), event("c", "2", 1.0), event("a", "3", 1.0), event("a", "1", 1.0)];
    given(Model(Fault::None)).events(events).fold().expect(
        |tables| &tables.counts,
        [count("a", 2, "3", "brainops.business/4@1"), count("c", 1, "2", "brainops.business/2@0")],
    );
}

#[test]
fn a_refused_event_ends_its_partition_and_only_that() {
    let events = [event("a", "1", 1.0), event("a", "2", -1.0), event("a", "3", 1.0), event("c", "4", 1.0)];
    let outcome = given(Model(Fault::None)).events(events).fold();
    let (position, error) = &outcome.refused()[0];
    assert_eq!(position.offset.get(), 1);
    assert_eq!(error.to_string(), "the event is refused: it is negative");
    let rows: Vec<(&str, i64)> =
        outcome.tables_so_far().counts.all().iter().map(|row| (row.name.as_str(), row.times)).collect();
    assert_eq!(rows, [("a", 1), ("c", 1)]);
    let message = failure(|| {
        outcome.tables();
    });
    assert!(message.contains("was refused: the event is refused: it is negative"), "{message}");
}

#[test]
fn a_row_with_two_writers_is_noticed() {
    let events = || [event("a", "1", 1.0), event("b", "2", 1.0)];
    let message = failure(|| {
        given(Model(Fault::SharesARow)).events(events()).fold();
    });
    let expected = "row \"all\" of count is written by brainops.business a and by brainops.business b";
    assert!(message.contains(expected), "{message}");
    given(Model(Fault::SharesARow)).with_aggregates_in("count").events(events()).fold();
}

#[test]
fn a_fold_that_depends_on_its_batch_is_noticed() {
    let events = [event("a", "1", 1.0), event("b", "2", 1.0)];
    let message = failure(|| {
        given(Model(Fault::LooksAtTheBatch)).events(events).fold();
    });
    assert!(message.contains("to other rows in one batch than one by one"), "{message}");
}

#[test]
fn rows_that_are_not_as_expected_are_shown() {
    let folded = given(Model(Fault::None)).events([event("a", "1", 1.0)]).fold();
    let message = failure(|| {
        folded.expect(|tables| &tables.counts, [count("a", 7, "1", "brainops.business/2@0")]);
    });
    assert!(message.contains("times: 7") && message.contains("times: 1"), "{message}");
}
