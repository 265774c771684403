//! How many appends a second a way in takes: from so many callers that each wait for their answer, or in bulk.

use std::time::{Duration, Instant};

use brainops_event::Catalog;
use brainops_log::ensure_topics;
use clap::Args;

use crate::door::{Door, DoorName, Opened};
use crate::meter::{Meter, own_pid};
use crate::said::{percentile, run_name, said};
use crate::stand::{Stand, report};

/// Events of one call in bulk.
const BULK: u64 = 1_000;

#[derive(Args)]
pub(crate) struct Appends {
    /// The way in.
    #[arg(long, value_enum)]
    door: DoorName,
    /// The database.
    #[arg(long)]
    database: String,
    /// How many callers at once, each with one event at a time; 0: two callers with a thousand events at a time.
    #[arg(long)]
    callers: u64,
    /// Seconds that are measured, after one that is not.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

pub(crate) async fn run(asked: Appends) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let (cluster, registry) = (stand.cluster()?, stand.registry()?);
    ensure_topics(&cluster, Catalog::builtin()).await?;
    registry.register(Catalog::builtin()).await?;
    let opened = Opened::open(asked.door, &stand, &asked.database).await?;
    let (callers, each) = if asked.callers == 0 { (2, BULK) } else { (asked.callers, 1) };
    let beginning = Instant::now() + Duration::from_secs(1);
    let end = beginning + Duration::from_secs(asked.seconds);
    let run = run_name();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        tasks.spawn(call(opened.door.clone(), format!("{run}-{caller}"), caller, each, (beginning, end)));
    }
    tokio::time::sleep_until(beginning.into()).await;
    let backends = backends(&stand, &asked.database).await?;
    let meter = Meter { process: own_pid(), backends, broker: asked.broker };
    let from = meter.read();
    tokio::time::sleep_until(end.into()).await;
    let to = meter.read();
    let mut times = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        times.extend(ended??);
    }
    opened.close().await?;
    times.sort_by(f64::total_cmp);
    let mut figures = meter.since(&from, &to, u64::try_from(times.len())? * each);
    figures["p50_ms"] = percentile(&times, 0.5).into();
    figures["p99_ms"] = percentile(&times, 0.99).into();
    report(&figures)
}

/// Who serves the platform's own connections to a database at this moment.
async fn backends(stand: &Stand, database: &str) -> anyhow::Result<Vec<i32>> {
    let mut connection = stand.connect(database, "bench-appends").await?;
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name <> 'bench-appends'";
    Ok(sqlx::query_scalar(sql).bind(database).fetch_all(&mut connection).await?)
}

/// One caller: milliseconds of each of its calls that ended in the measured time.
async fn call(
    door: Door,
    run: String,
    caller: u64,
    each: u64,
    (beginning, end): (Instant, Instant),
) -> anyhow::Result<Vec<f64>> {
    let (mut times, mut number) = (Vec::new(), caller * 1_000_000_007);
    loop {
        let mut events = Vec::new();
        for _ in 0..each {
            events.push(said(&run, number)?);
            number += 1;
        }
        let began = Instant::now();
        door.append_all(events).await?;
        let now = Instant::now();
        if now > end {
            return Ok(times);
        }
        if now > beginning {
            times.push(now.duration_since(began).as_secs_f64() * 1000.0);
        }
    }
}
