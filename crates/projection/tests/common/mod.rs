//! A tiny read model over `business.metric.recorded`, and what its tests share: one table that counts per subject and
//! has a column of every type, one that is appended to and partitioned by month.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use brainops_event::types::business::MetricRecorded;
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Recorded, Source, Subject, Timestamp, TypedEvent as _,
};
use brainops_projection::ColumnType::{Bool, Float8, Int4, Int8, Jsonb, Text, TextArray, Timestamptz};
use brainops_projection::{
    AnyRows, Changed, Column, FoldError, ReadModel, Row, RowWriter, Rows, Table, Tables, WriteMode,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

mod bad;
mod bench;
pub mod disk;
pub mod hand;
pub mod history;

pub use bad::{Bad, every_kind_of_bad};
pub use bench::{Bench, LIMIT, Running, small_batches};

pub static METRIC: Table = Table {
    name: "metric",
    columns: &[
        Column::required("subject", Text),
        Column::required("times", Int8),
        Column::required("total", Float8),
        Column::required("units", TextArray),
        Column::required("dimensions", Jsonb),
        Column::required("is_negative", Bool),
        Column::required("last_partition", Int4),
        Column::required("first_recorded_at", Timestamptz),
        Column::optional("last_happened_at", Timestamptz),
        Changed::SOURCE,
        Changed::ID,
        Changed::POSITION,
    ],
    key_columns: 1,
    mode: WriteMode::Upsert,
    month_partitioned_by: None,
};

pub static SAMPLE: Table = Table {
    name: "sample",
    columns: &[
        Column::required("partition", Int4),
        Column::required("log_offset", Int8),
        Column::required("recorded_at", Timestamptz),
        Column::required("subject", Text),
        Column::optional("unit", Text),
        Column::required("names", TextArray),
        Column::required("dimensions", Jsonb),
        Changed::SOURCE,
        Changed::ID,
        Changed::POSITION,
    ],
    key_columns: 3,
    mode: WriteMode::Append,
    month_partitioned_by: Some("recorded_at"),
};

pub const TABLES_SQL: &str = include_str!("tables.sql");
pub const VIEWS_SQL: &str = include_str!("views.sql");

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub subject: String,
    pub times: i64,
    pub total: f64,
    pub units: Vec<String>,
    pub dimensions: Value,
    pub is_negative: bool,
    pub last_partition: i32,
    pub first_recorded_at: Timestamp,
    pub last_happened_at: Option<Timestamp>,
    pub changed: Changed,
}

impl Row for Metric {
    const TABLE: &'static Table = &METRIC;
    type Key = String;

    fn key(&self) -> String {
        self.subject.clone()
    }

    fn write_key(key: &String, out: &mut RowWriter) {
        out.put(key);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.subject).put(&self.times).put(&self.total).put(&self.units).put(&self.dimensions);
        out.put(&self.is_negative).put(&self.last_partition);
        out.put(&self.first_recorded_at).put(&self.last_happened_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            subject: row.try_get("subject")?,
            times: row.try_get("times")?,
            total: row.try_get("total")?,
            units: row.try_get("units")?,
            dimensions: row.try_get("dimensions")?,
            is_negative: row.try_get("is_negative")?,
            last_partition: row.try_get("last_partition")?,
            first_recorded_at: row.try_get("first_recorded_at")?,
            last_happened_at: row.try_get("last_happened_at")?,
            changed: Changed::read(row)?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub partition: i32,
    pub log_offset: i64,
    pub recorded_at: Timestamp,
    pub subject: String,
    pub unit: Option<String>,
    pub names: Vec<String>,
    pub dimensions: Value,
    pub changed: Changed,
}

impl Row for Sample {
    const TABLE: &'static Table = &SAMPLE;
    type Key = (i32, i64, Timestamp);

    fn key(&self) -> Self::Key {
        (self.partition, self.log_offset, self.recorded_at)
    }

    fn write_key(key: &Self::Key, out: &mut RowWriter) {
        out.put(&key.0).put(&key.1).put(&key.2);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.partition).put(&self.log_offset).put(&self.recorded_at);
        out.put(&self.subject).put(&self.unit).put(&self.names).put(&self.dimensions);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            partition: row.try_get("partition")?,
            log_offset: row.try_get("log_offset")?,
            recorded_at: row.try_get("recorded_at")?,
            subject: row.try_get("subject")?,
            unit: row.try_get("unit")?,
            names: row.try_get("names")?,
            dimensions: row.try_get("dimensions")?,
            changed: Changed::read(row)?,
        })
    }
}

#[derive(Debug, Default)]
pub struct MetricTables {
    pub metrics: Rows<Metric>,
    pub samples: Rows<Sample>,
}

impl Tables for MetricTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.metrics);
        visit(&mut self.samples);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![&METRIC, &SAMPLE]
    }
}

/// The read model. What it defines can be changed by a test that wants it refused.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub name: &'static str,
    pub fold_version: u32,
    pub tables_sql: &'static str,
    pub views_sql: &'static str,
    /// Whether what was refused is folded now: as if the fold had been mended.
    pub is_mended: Arc<AtomicBool>,
    /// Whether the fold counts how often it was called: as if it were not pure.
    pub is_unsteady: Arc<AtomicBool>,
    pub calls: Arc<AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            name: "metrics",
            fold_version: 1,
            tables_sql: TABLES_SQL,
            views_sql: VIEWS_SQL,
            is_mended: Arc::default(),
            is_unsteady: Arc::default(),
            calls: Arc::default(),
        }
    }
}

/// What the fold needs of the event.
#[derive(Debug, Deserialize)]
struct Figure<'a> {
    value: f64,
    unit: &'a str,
    dimensions: BTreeMap<&'a str, &'a str>,
}

/// The unit of an event that the fold refuses.
pub const REFUSED: &str = "refused";
/// The unit of an event at which the fold panics, when it has written a row already.
pub const PANIC: &str = "panic";
/// The id of an event at which the fold panics before it reads anything.
pub const PANIC_EARLY: &str = "bad-want-panic";
/// The unit of an event at which the fold reads what it has not asked for.
pub const OWN_FAULT: &str = "own fault";

impl ReadModel for Metrics {
    type Tables = MetricTables;

    fn name(&self) -> &'static str {
        self.name
    }

    fn fold_version(&self) -> u32 {
        self.fold_version
    }

    fn topics(&self) -> &'static [&'static str] {
        &["business"]
    }

    fn tables_sql(&self) -> &'static str {
        self.tables_sql
    }

    fn views_sql(&self) -> &'static str {
        self.views_sql
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut MetricTables) -> Result<(), FoldError> {
        if event.envelope.event_type() != MetricRecorded::EVENT_TYPE {
            return Ok(());
        }
        assert!(event.envelope.id() != PANIC_EARLY, "an id that cannot be borne");
        tables.metrics.want(subject(event)?)
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut MetricTables) -> Result<(), FoldError> {
        if event.envelope.event_type() != MetricRecorded::EVENT_TYPE {
            return Ok(());
        }
        let figure: Figure<'_> = event.decode()?;
        if figure.unit == REFUSED && !self.is_mended.load(Ordering::SeqCst) {
            return Err(FoldError::refused("its unit says so"));
        }
        if figure.unit == OWN_FAULT {
            tables.metrics.get(&"another".to_owned())?;
        }
        let subject = subject(event)?;
        let before = tables.metrics.get(&subject)?.cloned();
        let names: Vec<String> = figure.dimensions.keys().map(|name| (*name).to_owned()).collect();
        let dimensions = json!(figure.dimensions);
        tables.samples.put(Sample {
            partition: event.partition.get(),
            log_offset: event.offset.get(),
            recorded_at: event.recorded_at,
            subject: subject.clone(),
            unit: (!figure.unit.is_empty()).then(|| figure.unit.to_owned()),
            names,
            dimensions: dimensions.clone(),
            changed: Changed::by(event),
        })?;
        assert!(figure.unit != PANIC, "the fold cannot bear this unit");
        let mut units = before.as_ref().map(|row| row.units.clone()).unwrap_or_default();
        if !units.iter().any(|unit| unit == figure.unit) {
            units.push(figure.unit.to_owned());
        }
        tables.metrics.put(Metric {
            subject,
            times: before.as_ref().map_or(0, |row| row.times) + 1,
            total: before.as_ref().map_or(0.0, |row| row.total) + figure.value + self.chance(),
            units,
            dimensions,
            is_negative: figure.value < 0.0,
            last_partition: event.partition.get(),
            first_recorded_at: before.map_or(event.recorded_at, |row| row.first_recorded_at),
            last_happened_at: event.envelope.time(),
            changed: Changed::by(event),
        })
    }
}

impl Metrics {
    /// What makes the fold unsteady, if it is to be: another number at each call.
    fn chance(&self) -> f64 {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst);
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let chance = calls as f64;
        if self.is_unsteady.load(Ordering::SeqCst) { chance } else { 0.0 }
    }
}

fn subject(event: &Recorded<'_>) -> Result<String, FoldError> {
    event.envelope.subject().map(str::to_owned).ok_or_else(|| FoldError::refused("it has no subject"))
}

/// A figure of a subject.
pub fn figure(subject: &str, id: &str, value: f64, unit: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("tests/projection").unwrap(),
        EventType::new(MetricRecorded::EVENT_TYPE).unwrap(),
        Subject::new(subject).unwrap(),
    );
    let dimensions =
        BTreeMap::from([("plan \"pro\"".to_owned(), "{a,b}\\".to_owned()), ("é".to_owned(), String::new())]);
    let data = MetricRecorded { metric: "mrr".to_owned(), value, unit: unit.to_owned(), dimensions };
    Outgoing::typed(envelope, &data).unwrap()
}

/// `count` figures over `subjects` subjects, in an order that a seed decides.
pub fn figures(count: usize, subjects: usize, seed: u64) -> Vec<Outgoing> {
    let units = ["EUR", "a\"b", "{x}", "c\\d", ""];
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    (0..count)
        .map(|number| {
            let subject = format!("metrics/{}", next() % subjects);
            let unit = units[next() % units.len()];
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let value = (next() % 1000) as f64 - 300.0;
            figure(&subject, &format!("{seed}-{number}"), value, unit)
        })
        .collect()
}
