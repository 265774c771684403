//! Runs a program that fills a table and measures it from outside, ours and the peer alike: how far it is (its
//! checkpoints, or the markers that it has passed), its CPU, that of its backends and of the broker, its memory.
//!
//! With `--kill-at` the program is killed in mid-run and started again, once; then what counts is when it goes on.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::process::{Child, Command};

use crate::event::Kind;
use crate::markers;
use crate::meter::{Meter, Reading, load, memory_kib};
use crate::stand::{Stand, report};

/// How long a program gets to end before it is killed.
const END_LIMIT: Duration = Duration::from_secs(20);

#[derive(Args)]
pub(crate) struct Watch {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The run is over when so many are written.
    #[arg(long)]
    events: u64,
    /// How many there are in the topic; unset: as many as `events`.
    #[arg(long)]
    of: Option<u64>,
    /// After how many the measuring begins.
    #[arg(long, default_value_t = 0)]
    warm: u64,
    /// The database.
    #[arg(long)]
    database: String,
    /// The table whose rows tell how far it is; unset: the checkpoints of the read model tell it.
    #[arg(long)]
    table: Option<String>,
    /// The schema of the checkpoints.
    #[arg(long, default_value = "bench_g1")]
    schema: String,
    /// The program's name in `pg_stat_activity`.
    #[arg(long, default_value = "brainops")]
    backends: String,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
    /// Kill it when so many are written, and start it again.
    #[arg(long)]
    kill_at: Option<u64>,
    /// How often it is looked at, in milliseconds.
    #[arg(long, default_value_t = 20)]
    look_ms: u64,
    /// How long it may take, in seconds.
    #[arg(long, default_value_t = 300)]
    limit_s: u64,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, required = true)]
    program: Vec<String>,
}

pub(crate) async fn run(asked: Watch) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let mut connection = stand.connect(&asked.database, "bench-watch").await?;
    if asked.table.is_some() {
        let events = asked.of.unwrap_or(asked.events);
        markers::make(&mut connection, asked.kind, events, stand.log.partitions).await?;
    }
    let load_before = load();
    let mut watched = Watched { child: start(&asked)?, began: Instant::now(), connection, asked };
    let outcome = watched.observe().await;
    end(&mut watched.child).await?;
    let mut figures = outcome?;
    figures["load_before"] = load_before.into();
    report(&figures)
}

struct Watched {
    asked: Watch,
    child: Child,
    began: Instant,
    connection: PgConnection,
}

/// Where the measuring began.
struct Mark {
    reading: Reading,
    done: u64,
    memory_kib: u64,
}

impl Watched {
    async fn observe(&mut self) -> anyhow::Result<serde_json::Value> {
        let (mut first_row, mut mark, mut killed) = (None, None::<Mark>, None);
        loop {
            let done = self.done().await?;
            if done > 0 {
                first_row.get_or_insert_with(|| self.began.elapsed());
            }
            if mark.is_none() && done >= self.asked.warm.max(1) {
                mark = Some(self.mark(done).await?);
            }
            if let Some(at) = self.asked.kill_at.filter(|at| killed.is_none() && done >= *at) {
                killed = Some(self.kill_and_restart(at).await?);
            }
            if done >= self.asked.events {
                let mark = mark.context("it was done before the measuring began")?;
                let mut figures = self.figures(&mark, done).await?;
                figures["start_s"] = first_row.unwrap_or_default().as_secs_f64().into();
                figures["killed"] = killed.into();
                return Ok(figures);
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the program ended by itself at {done} events: {status}");
            }
            let limit = Duration::from_secs(self.asked.limit_s);
            anyhow::ensure!(
                self.began.elapsed() < limit,
                "it is at {done} events after {} s",
                limit.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(self.asked.look_ms)).await;
        }
    }

    async fn done(&mut self) -> anyhow::Result<u64> {
        match &self.asked.table {
            Some(table) => markers::done(&mut self.connection, table).await,
            None => checkpoints(&mut self.connection, &self.asked.schema).await,
        }
    }

    async fn mark(&mut self, done: u64) -> anyhow::Result<Mark> {
        let meter = self.meter().await?;
        Ok(Mark { reading: meter.read(), done, memory_kib: memory_kib(meter.process, "VmRSS") })
    }

    async fn figures(&mut self, mark: &Mark, done: u64) -> anyhow::Result<serde_json::Value> {
        let meter = self.meter().await?;
        let mut figures = meter.since(&mark.reading, &meter.read(), done - mark.done);
        figures["rss_at_mark_mib"] = (mark.memory_kib as f64 / 1024.0).into();
        figures["rss_at_end_mib"] = (memory_kib(meter.process, "VmRSS") as f64 / 1024.0).into();
        figures["backends"] = meter.backends.len().into();
        Ok(figures)
    }

    /// The child, and who serves it in Postgres at this moment. Neither ours nor the peer changes connections in a run.
    async fn meter(&mut self) -> anyhow::Result<Meter> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = $2";
        let query = sqlx::query(sql).bind(&self.asked.database).bind(&self.asked.backends);
        let rows = query.fetch_all(&mut self.connection).await?;
        let backends: Result<Vec<i32>, sqlx::Error> = rows.iter().map(|row| row.try_get(0)).collect();
        Ok(Meter { process: pid(&self.child)?, backends: backends?, broker: self.asked.broker })
    }

    /// Seconds from the kill until rows come again.
    async fn kill_and_restart(&mut self, at: u64) -> anyhow::Result<serde_json::Value> {
        self.child.kill().await?;
        let killed = Instant::now();
        self.child = start(&self.asked)?;
        // What was under way in a backend may still be committed: what stands after a moment was written before.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = self.done().await?;
        loop {
            let done = self.done().await?;
            if done > before {
                let seconds = killed.elapsed().as_secs_f64();
                return Ok(serde_json::json!({"at": at, "stood_at": before, "goes_on_after_s": seconds}));
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the program ended after its kill at {done} events: {status}");
            }
            anyhow::ensure!(killed.elapsed() < Duration::from_secs(120), "it does not go on after its kill");
            tokio::time::sleep(Duration::from_millis(self.asked.look_ms)).await;
        }
    }
}

async fn checkpoints(connection: &mut PgConnection, schema: &str) -> anyhow::Result<u64> {
    let table = format!("{schema}.checkpoint");
    let known: Option<bool> = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&table)
        .fetch_one(&mut *connection)
        .await?;
    if known != Some(true) {
        return Ok(0); // not installed yet
    }
    let sql =
        format!("SELECT coalesce(sum(next_offset), 0)::bigint FROM {table} WHERE topic LIKE '%.bench\\_%'");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
}

fn start(asked: &Watch) -> anyhow::Result<Child> {
    let (program, arguments) = asked.program.split_first().context("no program was named")?;
    let mut command = Command::new(program);
    // What it says goes to our stderr: our stdout is for figures.
    command.args(arguments).stdin(Stdio::null()).stdout(std::io::stderr()).kill_on_drop(true);
    command.spawn().with_context(|| format!("cannot start {program}"))
}

fn pid(child: &Child) -> anyhow::Result<i32> {
    let id = child.id().context("the program has ended")?;
    Ok(i32::try_from(id)?)
}

async fn end(child: &mut Child) -> anyhow::Result<()> {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
        kill_process(pid, Signal::TERM)?;
    }
    if tokio::time::timeout(END_LIMIT, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}
