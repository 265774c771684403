//! The references for writing: plain loops over one connection, nothing between them and the database.
//!
//! | loop | what it does in the measured time |
//! |---|---|
//! | `copy` | BEGIN, one binary COPY that lies ready, COMMIT |
//! | `unnest` | BEGIN, one `INSERT ... UNNEST ... ON CONFLICT` of columns that lie ready, COMMIT |
//! | `folded` | reads and decodes events, keeps the last of each key, writes as `unnest`, keeps its offsets |
//! | `unfolded` | the same, but writes every event |

use std::collections::{BTreeMap, VecDeque};

use clap::{Args, ValueEnum};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message as _;
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::consume::{consumer, next};
use crate::event::{Kind, decode};
use crate::loops::{Columns, Owned, copy_of, fold, waves};
use crate::meter::{Meter, own_pid};
use crate::stand::{Stand, report};

/// Which loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Loop {
    Copy,
    Unnest,
    Folded,
    Unfolded,
}

#[derive(Args)]
pub(crate) struct Reference {
    /// Which loop.
    #[arg(value_enum)]
    name: Loop,
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many.
    #[arg(long)]
    events: u64,
    /// After how many the measuring begins.
    #[arg(long, default_value_t = 0)]
    warm: u64,
    /// The database.
    #[arg(long)]
    database: String,
    /// Events of a transaction.
    #[arg(long, default_value_t = 5_000)]
    batch: usize,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

/// What one transaction writes.
struct Work {
    events: u64,
    rows: u64,
    write: Write,
}

enum Write {
    Copy(Vec<u8>),
    Upserts(Vec<Columns>),
}

pub(crate) async fn run(asked: Reference) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let mut connection = stand.connect(&asked.database, "bench-reference").await?;
    make_tables(&mut connection).await?;
    let backend: i32 = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut connection).await?.try_get(0)?;
    let meter = Meter { process: own_pid(), backends: vec![backend], broker: asked.broker };
    let mut source =
        Source { consumer: consumer(&stand, asked.kind)?, asked: &asked, seen: 0, offsets: BTreeMap::new() };
    let mut ready = VecDeque::new();
    let is_prepared = matches!(asked.name, Loop::Copy | Loop::Unnest);
    while is_prepared && let Some(work) = source.next()? {
        ready.push_back(work);
    }
    let (mut done, mut rows, mut base, mut from) = (0, 0, 0, meter.read());
    loop {
        let work = if is_prepared { ready.pop_front() } else { source.next()? };
        let Some(work) = work else { break };
        let offsets = (!is_prepared).then_some(&source.offsets);
        (done, rows) = (done + work.events, rows + work.rows);
        write(&mut connection, work.write, offsets).await?;
        if base == 0 && done >= asked.warm {
            (base, from) = (done, meter.read());
        }
    }
    let mut figures = meter.since(&from, &meter.read(), done - base);
    figures["rows_written"] = rows.into();
    report(&figures)
}

async fn make_tables(connection: &mut PgConnection) -> anyhow::Result<()> {
    let tables = include_str!("tables.sql").replace("{generation}", "bench");
    let sql = format!(
        "CREATE SCHEMA bench; {tables} CREATE TABLE bench.kept (partition integer PRIMARY KEY, next_offset bigint NOT NULL)"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// One transaction.
async fn write(
    connection: &mut PgConnection,
    write: Write,
    offsets: Option<&BTreeMap<i32, i64>>,
) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    match write {
        Write::Copy(tuples) => {
            let mut copy = transaction.copy_in_raw("COPY bench.line FROM STDIN (FORMAT binary)").await?;
            copy.send(tuples).await?;
            copy.finish().await?;
        }
        Write::Upserts(statements) => {
            for columns in statements {
                columns.upsert(&mut transaction).await?;
            }
        }
    }
    if let Some(offsets) = offsets {
        sqlx::query(
            "INSERT INTO bench.kept SELECT * FROM UNNEST($1::integer[], $2::bigint[]) \
             ON CONFLICT (partition) DO UPDATE SET next_offset = EXCLUDED.next_offset",
        )
        .bind(offsets.keys().copied().collect::<Vec<i32>>())
        .bind(offsets.values().copied().collect::<Vec<i64>>())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Reads events and makes transactions of them.
struct Source<'a> {
    consumer: BaseConsumer,
    asked: &'a Reference,
    seen: u64,
    offsets: BTreeMap<i32, i64>,
}

impl Source<'_> {
    /// The next transaction; nothing after the last event.
    fn next(&mut self) -> anyhow::Result<Option<Work>> {
        let mut rows = Vec::with_capacity(self.asked.batch);
        while rows.len() < self.asked.batch && self.seen < self.asked.events {
            let message = next(&self.consumer)?;
            let datum = message.payload().and_then(|value| value.get(5..)).unwrap_or_default();
            let wire = decode(datum).ok_or_else(|| anyhow::anyhow!("an event cannot be decoded"))?;
            rows.push(Owned::of(&wire));
            self.offsets.insert(message.partition(), message.offset() + 1);
            self.seen += 1;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let events = u64::try_from(rows.len())?;
        let statements = match self.asked.name {
            Loop::Copy => return Ok(Some(Work { events, rows: events, write: Write::Copy(copy_of(&rows)) })),
            Loop::Unnest | Loop::Folded => vec![fold(rows)],
            Loop::Unfolded => waves(rows),
        };
        let rows = u64::try_from(statements.iter().map(Vec::len).sum::<usize>())?;
        let write = Write::Upserts(statements.into_iter().map(Columns::of).collect());
        Ok(Some(Work { events, rows, write }))
    }
}
