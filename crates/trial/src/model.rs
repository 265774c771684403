//! The read model of the trial: whatever is lost, doubled or reordered changes a row of it.

use brainops_event::types::business::MetricRecorded;
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Recorded, Source, Subject, Timestamp, TypedEvent as _,
};
use brainops_projection::ColumnType::{Int4, Int8, Text, Timestamptz};
use brainops_projection::{
    AnyRows, Changed, Column, FoldError, ReadModel, Row, RowWriter, Rows, Table, Tables, WriteMode,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// Every event that counts, once.
pub(crate) static SEEN: Table = Table {
    name: "seen",
    columns: &[
        Column::required("partition", Int4),
        Column::required("log_offset", Int8),
        Column::required("recorded_at", Timestamptz),
        Column::required("subject", Text),
        Column::required("number", Int8),
        Changed::SOURCE,
        Changed::ID,
        Changed::POSITION,
    ],
    key_columns: 2,
    mode: WriteMode::Append,
    month_partitioned_by: None,
};

/// The events of a subject as a chain of hashes: their order is in it.
pub(crate) static CHAIN: Table = Table {
    name: "chain",
    columns: &[
        Column::required("subject", Text),
        Column::required("times", Int8),
        Column::required("sum", Int8),
        Column::required("link", Text),
        Changed::SOURCE,
        Changed::ID,
        Changed::POSITION,
    ],
    key_columns: 1,
    mode: WriteMode::Upsert,
    month_partitioned_by: None,
};

/// A row of `seen`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) log_offset: i64,
    pub(crate) recorded_at: Timestamp,
    pub(crate) subject: String,
    pub(crate) number: i64,
    pub(crate) changed: Changed,
}

impl Row for Seen {
    const TABLE: &'static Table = &SEEN;
    type Key = (i32, i64);

    fn key(&self) -> Self::Key {
        (self.partition, self.log_offset)
    }

    fn write_key(key: &Self::Key, out: &mut RowWriter) {
        out.put(&key.0).put(&key.1);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.partition).put(&self.log_offset).put(&self.recorded_at);
        out.put(&self.subject).put(&self.number);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            partition: row.try_get("partition")?,
            log_offset: row.try_get("log_offset")?,
            recorded_at: row.try_get("recorded_at")?,
            subject: row.try_get("subject")?,
            number: row.try_get("number")?,
            changed: Changed::read(row)?,
        })
    }
}

/// A row of `chain`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chain {
    pub(crate) subject: String,
    pub(crate) times: i64,
    pub(crate) sum: i64,
    pub(crate) link: String,
    pub(crate) changed: Changed,
}

impl Row for Chain {
    const TABLE: &'static Table = &CHAIN;
    type Key = String;

    fn key(&self) -> String {
        self.subject.clone()
    }

    fn write_key(key: &String, out: &mut RowWriter) {
        out.put(key);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.subject).put(&self.times).put(&self.sum).put(&self.link);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            subject: row.try_get("subject")?,
            times: row.try_get("times")?,
            sum: row.try_get("sum")?,
            link: row.try_get("link")?,
            changed: Changed::read(row)?,
        })
    }
}

/// The next link of a chain.
pub(crate) fn link(before: Option<&str>, source: &str, id: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(before.unwrap_or_default());
    hash.update([0]);
    hash.update(source);
    hash.update([0]);
    hash.update(id);
    hex::encode(&hash.finalize()[..16])
}

/// The tables of the trial.
#[derive(Debug, Default)]
pub struct TrialTables {
    pub(crate) seen: Rows<Seen>,
    pub(crate) chain: Rows<Chain>,
}

impl Tables for TrialTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.seen);
        visit(&mut self.chain);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![&SEEN, &CHAIN]
    }
}

/// The read model of the trial.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trial;

/// The unit of an event that the fold refuses.
pub const REFUSED: &str = "refused";

/// What the fold needs of the event.
#[derive(Debug, Deserialize)]
struct Figure<'a> {
    value: f64,
    unit: &'a str,
}

impl ReadModel for Trial {
    type Tables = TrialTables;

    fn name(&self) -> &'static str {
        "trial"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["business"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("sql/tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        ""
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut TrialTables) -> Result<(), FoldError> {
        if event.envelope.event_type() != MetricRecorded::EVENT_TYPE {
            return Ok(());
        }
        tables.chain.want(subject(event)?)
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut TrialTables) -> Result<(), FoldError> {
        if event.envelope.event_type() != MetricRecorded::EVENT_TYPE {
            return Ok(());
        }
        let figure: Figure<'_> = event.decode()?;
        if figure.unit == REFUSED {
            return Err(FoldError::refused("its unit says so"));
        }
        #[allow(clippy::cast_possible_truncation, reason = "whole numbers of a test, far below 2^53")]
        let number = figure.value as i64;
        let (subject, changed) = (subject(event)?, Changed::by(event));
        let before = tables.chain.get(&subject)?.cloned();
        tables.seen.put(Seen {
            partition: event.partition.get(),
            log_offset: event.offset.get(),
            recorded_at: event.recorded_at,
            subject: subject.clone(),
            number,
            changed: changed.clone(),
        })?;
        tables.chain.put(Chain {
            subject,
            times: before.as_ref().map_or(0, |row| row.times) + 1,
            sum: before.as_ref().map_or(0, |row| row.sum) + number,
            link: link(before.as_ref().map(|row| row.link.as_str()), &changed.source, &changed.id),
            changed,
        })
    }
}

fn subject(event: &Recorded<'_>) -> Result<String, FoldError> {
    event.envelope.subject().map(str::to_owned).ok_or_else(|| FoldError::refused("it has no subject"))
}

/// The source of all events of a trial.
pub(crate) const SOURCE: &str = "trial";

/// The id of the event with this number.
pub fn id_of(number: u64) -> String {
    format!("n-{number}")
}

/// The number of the event with this id.
pub(crate) fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix("n-")?.parse().ok()
}

/// The event with this number.
///
/// # Panics
/// When the subject can be none.
pub fn event(number: u64, subject: &str, unit: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id_of(number)).expect("an id"),
        Source::new(SOURCE).expect("a source"),
        EventType::new(MetricRecorded::EVENT_TYPE).expect("a type"),
        Subject::new(subject).expect("a subject"),
    );
    #[allow(clippy::cast_precision_loss, reason = "whole numbers of a test, far below 2^53")]
    let value = number as f64;
    let data = MetricRecorded {
        metric: "trial".to_owned(),
        value,
        unit: unit.to_owned(),
        dimensions: std::collections::BTreeMap::new(),
    };
    Outgoing::typed(envelope, &data).expect("an event")
}
