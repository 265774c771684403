//! The reference for a rebuild: a bare client that reads all of a topic and looks at nothing, then one binary COPY of the
//! final rows, which lie ready, into an unlogged table without an index.

use std::time::Instant;

use clap::Args;
use sqlx::{PgConnection, Row as _};

use crate::consume::{consumer, next};
use crate::event::{Generator, Kind};
use crate::loops::{Owned, copy_of};
use crate::meter::{Meter, own_pid};
use crate::stand::{Stand, report};

#[derive(Args)]
pub(crate) struct Bare {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many.
    #[arg(long)]
    events: u64,
    /// The database.
    #[arg(long)]
    database: String,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

pub(crate) async fn run(asked: Bare) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let mut connection = stand.connect(&asked.database, "bench-bare").await?;
    make_table(&mut connection).await?;
    let tuples = final_rows(&asked)?;
    let backend: i32 = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut connection).await?.try_get(0)?;
    let meter = Meter { process: own_pid(), backends: vec![backend], broker: asked.broker };
    let (from, began) = (meter.read(), Instant::now());
    read(&stand, &asked)?;
    let read_s = began.elapsed().as_secs_f64();
    let mut copy = connection.copy_in_raw("COPY bare.line FROM STDIN (FORMAT binary)").await?;
    copy.send(tuples).await?;
    let rows = copy.finish().await?;
    let mut figures = meter.since(&from, &meter.read(), asked.events);
    figures["read_s"] = read_s.into();
    figures["copy_s"] = (began.elapsed().as_secs_f64() - read_s).into();
    figures["rows"] = rows.into();
    report(&figures)
}

/// Reads all, with a client that is new: a rebuild makes its own as well.
fn read(stand: &Stand, asked: &Bare) -> anyhow::Result<()> {
    let consumer = consumer(stand, asked.kind)?;
    for _ in 0..asked.events {
        next(&consumer)?;
    }
    Ok(())
}

async fn make_table(connection: &mut PgConnection) -> anyhow::Result<()> {
    let table = include_str!("tables.sql").replace("{generation}", "bare");
    let table = table.replace("CREATE TABLE", "CREATE UNLOGGED TABLE");
    let sql = format!("CREATE SCHEMA bare; {table} ALTER TABLE bare.line DROP CONSTRAINT line_pkey");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// The final rows in the order of their keys, as one COPY.
fn final_rows(asked: &Bare) -> anyhow::Result<Vec<u8>> {
    let generator = Generator::new(asked.kind, asked.events);
    let last = generator.last(asked.events).into_iter().flatten();
    let rows: Option<Vec<Owned>> = last.map(|number| Owned::of_line(&generator.line(number))).collect();
    Ok(copy_of(&rows.ok_or_else(|| anyhow::anyhow!("an event is no row"))?))
}
