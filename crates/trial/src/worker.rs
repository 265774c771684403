//! The life of a worker process.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brainops_log::{Cluster, Registry};
use brainops_outbox::{Outbox, Relay};
use brainops_projection::{RunOptions, run};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::answer::Answer;
use crate::model::{Trial, event};
use crate::order::{Role, Task};
use crate::reacting::react;
use crate::rebuilding::rebuild;

/// How often metrics are written to their file.
const METRICS_EVERY: Duration = Duration::from_millis(200);

/// As shells have it for a process that was ended by a signal.
const ENDED_BY_SIGNAL: i32 = 130;

/// Does what the order says that the first argument names, until SIGTERM; a second one ends it at once.
///
/// # Errors
/// When the order cannot be read, or the work ends with an error.
pub fn live() -> anyhow::Result<()> {
    // Nobody is left to end it when the one who started it was killed.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let path = std::env::args_os().nth(1).context("the first argument names the order")?;
    let text = std::fs::read_to_string(&path).context("the order cannot be read")?;
    let task: Task = serde_json::from_str(&text).context("the order cannot be understood")?;
    let filter = EnvFilter::builder().with_default_directive("info".parse()?).from_env()?;
    // What cannot be logged is let go: the library's own complaint about it would go to the same place, and panic.
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    logging.with_writer(std::io::stderr).log_internal_errors(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work(task))
}

async fn work(task: Task) -> anyhow::Result<()> {
    let stop = listen_for_stop()?;
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics cannot be recorded")?;
    tokio::spawn(write_metrics(metrics, task.metrics_file.clone()));
    let cluster = Cluster::new(task.kafka.clone(), task.log.clone())?;
    let registry = Registry::new(task.registry.clone())?;
    let pool = pool(&task)?;
    tracing::info!(name = task.name, pid = std::process::id(), "at work");
    match task.role {
        Role::Project => project(&task, pool, cluster, registry, stop).await,
        Role::Relay => {
            let outbox = Outbox::open(&pool, &cluster, &registry, task.outbox.clone()).await?;
            Ok(Relay::new(&outbox, task.name.clone()).run(stop).await?)
        }
        Role::Rebuild => rebuild(&task, pool, &cluster, registry, stop).await,
        Role::React => react(&task, pool, cluster, registry, stop).await,
        Role::Append => {
            let outbox = Outbox::open(&pool, &cluster, &registry, task.outbox.clone()).await?;
            tokio::select! {
                said = append(&outbox) => said,
                () = stop.cancelled() => Ok(()),
            }
        }
    }
}

async fn project(
    task: &Task,
    pool: PgPool,
    cluster: Cluster,
    registry: Registry,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let outbox = match task.announces {
        true => Some(Outbox::open(&pool, &cluster, &registry, task.outbox.clone()).await?),
        false => None,
    };
    let (max_records, copy_from_rows) = (task.max_records, 1); // a COPY can be cut in its middle
    let options = RunOptions { max_records, copy_from_rows, outbox, ..RunOptions::new(&task.name) };
    Ok(run(Arc::new(Trial), pool, cluster, registry, options, stop).await?)
}

/// Reads `number subject` lines until an empty one, appends them all at once, and answers with a line of JSON for each:
/// an [`Answer`].
async fn append(outbox: &Outbox) -> anyhow::Result<()> {
    let (lines, mut next) = mpsc::channel::<String>(1_000);
    std::thread::spawn(move || {
        let given = std::io::stdin().lines().map_while(Result::ok);
        given.map(|line| lines.blocking_send(line)).take_while(Result::is_ok).for_each(drop);
    });
    let mut said: Vec<(u64, String)> = Vec::new();
    while let Some(line) = next.recv().await {
        if let Some((number, subject)) = line.split_once(' ') {
            said.push((number.parse()?, subject.to_owned()));
            continue;
        }
        let events = said.drain(..).map(|(number, subject)| event(number, &subject, "EUR")).collect();
        let mut text = Vec::new();
        for answer in outbox.append_all(events).await {
            serde_json::to_writer(&mut text, &Answer::of(answer))?;
            text.push(b'\n');
        }
        let mut answers = std::io::stdout().lock();
        answers.write_all(&text)?;
        answers.flush()?;
    }
    Ok(())
}

/// Connections that name the worker to the trigger that watches the checkpoints. The first is made when it is needed:
/// a worker that starts while the database is away waits for it.
fn pool(task: &Task) -> anyhow::Result<PgPool> {
    let options = task.postgres.options()?.options([("trial.worker", task.name.as_str())]);
    let limits = PgPoolOptions::new().max_connections(task.postgres.max_connections);
    Ok(limits.acquire_timeout(Duration::from_secs(10)).connect_lazy_with(options))
}

fn listen_for_stop() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        tracing::info!("stopping; the same again ends it at once");
        stopping.cancel();
        terminate.recv().await;
        tracing::warn!("ended at once");
        std::process::exit(ENDED_BY_SIGNAL);
    });
    Ok(stop)
}

async fn write_metrics(metrics: PrometheusHandle, file: impl AsRef<Path>) {
    let half = file.as_ref().with_extension("half");
    let mut ticks = tokio::time::interval(METRICS_EVERY);
    loop {
        ticks.tick().await;
        let written =
            std::fs::write(&half, metrics.render()).and_then(|()| std::fs::rename(&half, file.as_ref()));
        if let Err(error) = written {
            tracing::debug!(%error, "metrics cannot be written");
        }
    }
}
