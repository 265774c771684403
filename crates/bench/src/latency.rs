//! From the moment when an event is to be appended until its row can be read, at a steady rate.
//!
//! The loop is open: an event has its moment whether those before it are through or not, and its latency counts from
//! that moment, so that a stall is felt by all that it holds up (no coordinated omission). A row is readable when the
//! checkpoint of its partition has passed it, for both are committed together; the checkpoints are read about every
//! millisecond by a connection of its own.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use brainops_event::Catalog;
use brainops_log::ensure_topics;
use clap::Args;
use sqlx::{PgConnection, Row as _};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::door::{Door, DoorName, Opened};
use crate::raw;
use crate::said::{TOPIC, percentile, run_name, said};
use crate::stand::{Stand, report};

/// How long the projector may take to be ready, and the last row to come.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Latency {
    /// The way in.
    #[arg(long, value_enum)]
    door: DoorName,
    /// The database.
    #[arg(long)]
    database: String,
    /// Events a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// Seconds that are measured, after two that are not.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// Where the checkpoints were at a moment.
struct Look {
    at: Instant,
    next: HashMap<i32, i64>,
}

/// An event on its way.
struct Sent {
    intended: Instant,
    acknowledged: Instant,
    partition: i32,
    offset: i64,
}

pub(crate) async fn run(asked: Latency) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let (cluster, registry) = (stand.cluster()?, stand.registry()?);
    ensure_topics(&cluster, Catalog::builtin()).await?;
    registry.register(Catalog::builtin()).await?;
    let mut connection = stand.connect(&asked.database, "bench-latency").await?;
    let commit_ms = raw::commit_ms(&mut connection).await?;
    let produce_ms = raw::produce_ms(&stand, asked.rate).await?;
    let mut projector = start_projector(&asked)?;
    let opened = Opened::open(asked.door, &stand, &asked.database).await?;
    let measured = measure(&asked, &opened, &mut connection).await;
    opened.close().await?;
    projector.kill().await?;
    let (sent, looks) = measured?;
    report(&figures(&asked, (&sent, &looks), (&produce_ms, &commit_ms))?)
}

/// The index of events over the topic: a read model of every day.
fn start_projector(asked: &Latency) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["project", "--kind", "said", "--sink", "index", "--database", &asked.database]);
    command.stdin(Stdio::null()).stdout(std::io::stderr()).kill_on_drop(true);
    command.spawn().context("the projector cannot be started")
}

async fn measure(
    asked: &Latency,
    opened: &Opened,
    connection: &mut PgConnection,
) -> anyhow::Result<(Vec<Sent>, Vec<Look>)> {
    let run = run_name();
    await_projector(&opened.door, connection, &run).await?;
    let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let failures: Arc<Mutex<Vec<String>>> = Arc::default();
    let done = CancellationToken::new();
    let (warm, measured) = (2 * asked.rate, asked.seconds * asked.rate);
    let sending = async {
        let beginning = Instant::now() + Duration::from_millis(100);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..warm + measured {
            let intended =
                beginning + Duration::from_secs(1) * u32::try_from(number)? / u32::try_from(asked.rate)?;
            tokio::time::sleep_until(intended.into()).await;
            let (door, run, sent, failures) =
                (opened.door.clone(), run.clone(), Arc::clone(&sent), Arc::clone(&failures));
            tasks.spawn(async move {
                match append(&door, &run, number, intended).await {
                    Ok(one) if number >= warm => lock(&sent).push(one),
                    Ok(_) => {}
                    Err(error) => lock(&failures).push(format!("{error:#}")),
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        done.cancel();
        anyhow::Ok(())
    };
    let (sending, looks) = tokio::join!(sending, look(connection, &sent, &done));
    sending?;
    if let Some(failure) = lock(&failures).first() {
        anyhow::bail!("an append failed: {failure}");
    }
    Ok((std::mem::take(&mut *lock(&sent)), looks?))
}

async fn append(door: &Door, run: &str, number: u64, intended: Instant) -> anyhow::Result<Sent> {
    let position = door.append(said(run, number)?).await?;
    let acknowledged = Instant::now();
    Ok(Sent { intended, acknowledged, partition: position.partition.get(), offset: position.offset.get() })
}

/// Reads the checkpoints again and again, until all is sent and all that was sent is passed.
async fn look(
    connection: &mut PgConnection,
    sent: &Mutex<Vec<Sent>>,
    done: &CancellationToken,
) -> anyhow::Result<Vec<Look>> {
    let (mut looks, mut since_done) = (Vec::new(), None::<Instant>);
    loop {
        let next = checkpoints(connection).await?;
        let at = Instant::now();
        if done.is_cancelled() {
            let since = *since_done.get_or_insert(at);
            let is_passed = |one: &Sent| next.get(&one.partition).is_some_and(|next| *next > one.offset);
            if lock(sent).iter().all(is_passed) {
                looks.push(Look { at, next });
                return Ok(looks);
            }
            anyhow::ensure!(since.elapsed() < LIMIT, "the last rows do not come");
        }
        looks.push(Look { at, next });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn checkpoints(connection: &mut PgConnection) -> anyhow::Result<HashMap<i32, i64>> {
    let sql = format!("SELECT partition, next_offset FROM events_g1.checkpoint WHERE topic LIKE '%.{TOPIC}'");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Until an event that is appended now has its row.
async fn await_projector(door: &Door, connection: &mut PgConnection, run: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    let first = append(door, &format!("{run}-first"), 0, began).await?;
    loop {
        // Its tables may not be there yet.
        let passed = checkpoints(connection).await.ok().and_then(|next| next.get(&first.partition).copied());
        if passed.is_some_and(|next| next > first.offset) {
            return Ok(());
        }
        anyhow::ensure!(began.elapsed() < LIMIT, "the projector does not come to the end of the log");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn figures(
    asked: &Latency,
    (sent, looks): (&[Sent], &[Look]),
    (produce_ms, commit_ms): (&[f64], &[f64]),
) -> anyhow::Result<serde_json::Value> {
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let (mut visible, mut acknowledged) = (Vec::new(), Vec::new());
    for one in sent {
        let first = looks
            .partition_point(|look| look.next.get(&one.partition).is_none_or(|next| *next <= one.offset));
        let look = looks.get(first).context("a row was never seen")?;
        visible.push(millis(look.at.saturating_duration_since(one.intended)));
        acknowledged.push(millis(one.acknowledged.saturating_duration_since(one.intended)));
    }
    visible.sort_by(f64::total_cmp);
    acknowledged.sort_by(f64::total_cmp);
    let raw = percentile(produce_ms, 0.5) + percentile(commit_ms, 0.5);
    Ok(serde_json::json!({
        "events": sent.len(), "rate": asked.rate, "looks_per_s": looks.len() as f64 / (asked.seconds + 2) as f64,
        "visible_p50_ms": percentile(&visible, 0.5), "visible_p99_ms": percentile(&visible, 0.99),
        "visible_max_ms": percentile(&visible, 1.0),
        "ack_p50_ms": percentile(&acknowledged, 0.5), "ack_p99_ms": percentile(&acknowledged, 0.99),
        "raw_produce_p50_ms": percentile(produce_ms, 0.5), "raw_commit_p50_ms": percentile(commit_ms, 0.5),
        "visible_by_raw": percentile(&visible, 0.5) / raw,
        "load": crate::meter::load(),
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
