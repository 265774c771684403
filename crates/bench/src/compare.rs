//! What a table holds beside what the events say: every column of every row.

use brainops_event::{Timestamp, timestamp_from_millis};
use clap::Args;
use futures::TryStreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::event::{Generator, Kind, Line};
use crate::row::COLUMNS;
use crate::stand::{Stand, report};

/// How many differences are shown.
const SHOWN: usize = 3;

#[derive(Args)]
pub(crate) struct Compare {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many of them were to be written.
    #[arg(long)]
    events: u64,
    /// The database.
    #[arg(long)]
    database: String,
    /// The table, with its schema.
    #[arg(long)]
    table: String,
}

/// What was found.
#[derive(Debug, Default, serde::Serialize)]
struct Found {
    /// Rows that there must be.
    expected: u64,
    /// Rows that there are.
    rows: u64,
    /// Rows that the events know, but with other values.
    differing: u64,
    /// Of these, rows whose only flaw is that the milliseconds are gone.
    milliseconds_lost: u64,
    /// Rows that no event has made, or made twice.
    unexpected: u64,
    /// Rows that are not there.
    missing: u64,
    /// Some of the flaws.
    examples: Vec<String>,
}

pub(crate) async fn run(asked: Compare) -> anyhow::Result<()> {
    let generator = Generator::new(asked.kind, asked.events);
    let mut last = generator.last(asked.events);
    let expected = u64::try_from(last.iter().flatten().count())?;
    let mut found = Found { expected, ..Found::default() };
    let mut connection = Stand::from_env()?.connect(&asked.database, "bench-compare").await?;
    let columns: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), asked.table);
    let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        found.rows += 1;
        judge(&generator, &mut last, &row, &mut found)?;
    }
    found.missing = u64::try_from(last.iter().flatten().count())?;
    let is_equal = found.differing == 0 && found.unexpected == 0 && found.missing == 0;
    let mut figures = serde_json::to_value(&found)?;
    figures["equal"] = is_equal.into();
    report(&figures)
}

/// Compares one row with the last event of its key, which is then done with.
fn judge(
    generator: &Generator,
    last: &mut [Option<u64>],
    row: &PgRow,
    found: &mut Found,
) -> anyhow::Result<()> {
    let number = u64::try_from(row.try_get::<i64, _>("seq")?).unwrap_or(u64::MAX);
    let key = usize::try_from(generator.key(number)).unwrap_or(usize::MAX);
    let Some(wanted) = last.get_mut(key).and_then(Option::take) else {
        found.unexpected += 1;
        note(found, format!("event {number} has a row that it should not have"));
        return Ok(());
    };
    let line = generator.line(wanted);
    let flaws = flaws(&line, row)?;
    if flaws.is_empty() {
        return Ok(());
    }
    found.differing += 1;
    let occurred_at: Timestamp = row.try_get("occurred_at")?;
    if flaws == ["occurred_at"] && occurred_at.timestamp_millis() == line.occurred_at_millis / 1000 * 1000 {
        found.milliseconds_lost += 1;
    }
    note(found, format!("event {wanted}: {} differ", flaws.join(", ")));
    Ok(())
}

fn note(found: &mut Found, flaw: String) {
    if found.examples.len() < SHOWN {
        found.examples.push(flaw);
    }
}

/// The columns that are not what the event says.
fn flaws(line: &Line, row: &PgRow) -> Result<Vec<&'static str>, sqlx::Error> {
    let text = |name: &'static str, wanted: &str| Ok((name, row.try_get::<&str, _>(name)? == wanted));
    let long = |name: &'static str, wanted: i64| Ok((name, row.try_get::<i64, _>(name)? == wanted));
    let double = |name: &'static str, wanted: f64| {
        Ok((name, row.try_get::<f64, _>(name)?.to_bits() == wanted.to_bits()))
    };
    let occurred_at = timestamp_from_millis(line.occurred_at_millis);
    let checks: [Result<(&'static str, bool), sqlx::Error>; 13] = [
        text("event_id", &line.event_id),
        text("subject", &line.subject),
        Ok(("line", row.try_get::<i32, _>("line")? == line.line)),
        long("seq", line.seq),
        Ok(("occurred_at", Some(row.try_get::<Timestamp, _>("occurred_at")?) == occurred_at)),
        double("amount", line.amount),
        double("price", line.price),
        long("qty", line.qty),
        long("version", line.version),
        text("status", line.status),
        text("currency", line.currency),
        text("actor", &line.actor),
        text("note", line.note),
    ];
    let mut flaws = Vec::new();
    for check in checks {
        if let (name, false) = check? {
            flaws.push(name);
        }
    }
    Ok(flaws)
}
