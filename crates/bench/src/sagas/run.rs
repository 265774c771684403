//! Three-step sagas, so many at a time: how many a second, how long each takes, and what a step costs in rows, records and
//! waits for the disk.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use brainops_log::Item;
use clap::Args;
use sqlx::{PgConnection, Row as _};

use super::times::{Times, Window};
use super::words::{AGENT, Begin, DONE, STEP, STEPS, TOPIC, answer, begin};
use super::world::{LIMIT, World, end_agents, pid_of, start_agents};
use crate::meter::{cpu_seconds, memory_kib, own_pid};
use crate::stand::report;

#[derive(Args)]
pub(crate) struct Sagas {
    /// The database.
    #[arg(long)]
    database: String,
    /// How many sagas run at a time; as one ends, another one begins.
    #[arg(long, default_value_t = 64)]
    in_flight: u64,
    /// Seconds that are measured, after three that are not.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

/// What Postgres and Kafka have counted by a moment.
#[derive(Debug, Default)]
struct Counted {
    rows: i64,
    commits: i64,
    fsyncs: i64,
    records: i64,
}

/// Rows written and transactions committed in this database; waits for the disk of the server's log, which only this run uses.
const COUNTERS: &str = "\
SELECT (SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()) AS rows,
       (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
       (SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal') AS fsyncs";

pub(crate) async fn run(asked: Sagas) -> anyhow::Result<()> {
    let mut world = World::open(&[TOPIC]).await?;
    let agents = start_agents(&asked.database)?;
    let pid = pid_of(&agents)?;
    let mut drive = Drive { number: 0, running: HashMap::new(), times: Times::default() };
    // Until a saga has come through, the process under test is still starting.
    drive.begin(&mut world)?;
    let began = Instant::now();
    while !drive.running.is_empty() {
        anyhow::ensure!(began.elapsed() < LIMIT, "no saga comes to its end");
        drive.hear(&mut world, None).await?;
    }
    let mut connection = world.stand.connect(&asked.database, "bench-sagas").await?;
    let window = Window::after(Duration::from_secs(3), Duration::from_secs(asked.seconds));
    for _ in 0..asked.in_flight {
        drive.begin(&mut world)?;
    }
    let mut from = None;
    while Instant::now() < window.end {
        if from.is_none() && Instant::now() >= window.beginning {
            from = Some((
                counted(&mut connection, &world).await?,
                cpu(&mut connection, pid, asked.broker).await?,
            ));
        }
        drive.hear(&mut world, Some(&window)).await?;
    }
    let (first, cpu_before) = from.unwrap_or_default();
    let cpu_s = cpu(&mut connection, pid, asked.broker).await? - cpu_before;
    let last = counted(&mut connection, &world).await?;
    let began = Instant::now();
    while !drive.running.is_empty() {
        anyhow::ensure!(began.elapsed() < LIMIT, "{} sagas do not come to their end", drive.running.len());
        drive.hear(&mut world, None).await?;
    }
    world.close().await?;
    let peak_rss_mib = memory_kib(pid, "VmHWM") as f64 / 1024.0;
    end_agents(agents).await?;
    let sagas = drive.times.len().max(1) as f64;
    let per_step = |before: i64, after: i64| (after - before) as f64 / sagas / f64::from(STEPS);
    let mut figures = drive.times.figures(&window, cpu_s);
    figures["peak_rss_mib"] = peak_rss_mib.into();
    figures["rows_per_step"] = per_step(first.rows, last.rows).into();
    figures["commits_per_step"] = per_step(first.commits, last.commits).into();
    figures["fsyncs_per_step"] = per_step(first.fsyncs, last.fsyncs).into();
    figures["records_per_step"] = per_step(first.records, last.records).into();
    report(&figures)
}

/// Sagas that are begun, answered and seen to end.
struct Drive {
    number: u64,
    /// When each began, by correlation.
    running: HashMap<String, Instant>,
    times: Times,
}

impl Drive {
    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        let correlation = format!("{}-{}", world.run, self.number);
        self.number += 1;
        world.say(begin(&correlation, &Begin::default())?);
        self.running.insert(correlation, Instant::now());
        Ok(())
    }

    /// Answers what is asked. For each saga that ends within the window another one begins.
    async fn hear(&mut self, world: &mut World, window: Option<&Window>) -> anyhow::Result<()> {
        let Some(batch) = world.hear().await? else { return Ok(()) };
        for item in batch.items() {
            let Item::Event(event) = item else { continue };
            let subject = event.envelope.subject().unwrap_or_default();
            let own = subject.strip_prefix(AGENT).and_then(|rest| rest.strip_prefix('/'));
            let Some(correlation) = own.filter(|own| self.running.contains_key(*own)) else { continue };
            match event.envelope.event_type() {
                STEP => world.say(answer(event.envelope.id(), subject)?),
                DONE => {
                    if let (Some(began), Some(window)) = (self.running.remove(correlation), window) {
                        self.times.note(window, began);
                        self.begin(world)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

async fn counted(connection: &mut PgConnection, world: &World) -> anyhow::Result<Counted> {
    let row = sqlx::query(COUNTERS).fetch_one(connection).await?;
    Ok(Counted {
        rows: row.try_get("rows")?,
        commits: row.try_get("commits")?,
        fsyncs: row.try_get("fsyncs")?,
        records: world.records().await?,
    })
}

/// CPU of the agents, of the backends that serve this database, of the broker, and of this process, which is the world.
async fn cpu(connection: &mut PgConnection, agents: i32, broker: i32) -> anyhow::Result<f64> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()";
    let backends: Vec<i32> = sqlx::query_scalar(sql).fetch_all(connection).await?;
    let backends: f64 = backends.into_iter().map(cpu_seconds).sum();
    Ok(cpu_seconds(agents)
        + backends
        + if broker == 0 { 0.0 } else { cpu_seconds(broker) }
        + cpu_seconds(own_pid()))
}
