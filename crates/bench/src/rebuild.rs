//! A rebuild from the call to the moment when the generation is ready, by one process or by several.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use brainops_projection::{
    Generation, Request, Workshop, begin_rebuild, drop_generation, find_generation, work_on_rebuild,
};
use clap::Args;
use sqlx::{PgPool, Row as _};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::event::Kind;
use crate::meter::cpu_seconds;
use crate::model::Lines;
use crate::replay::{READ_MODEL, Used, workshop};
use crate::stand::{Stand, report};

#[derive(Args)]
pub(crate) struct Rebuild {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many there are.
    #[arg(long)]
    events: u64,
    /// The database, in which a generation serves.
    #[arg(long)]
    database: String,
    /// The folder for what is set aside.
    #[arg(long)]
    scratch: PathBuf,
    /// How many MiB of rows of a partition are folded in memory, 0: all is set aside on disk; unset: the default.
    #[arg(long)]
    in_memory_mib: Option<usize>,
    /// How many partitions a process works on at a time; unset: as in the platform's defaults.
    #[arg(long)]
    at_once: Option<usize>,
    /// How many processes work on it.
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// Drop the generation afterwards.
    #[arg(long)]
    forget: bool,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

#[derive(Args)]
pub(crate) struct Work {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The database.
    #[arg(long)]
    database: String,
    /// The number of the generation.
    #[arg(long)]
    generation: i32,
    /// The folder for what is set aside.
    #[arg(long)]
    scratch: PathBuf,
    /// Names this process.
    #[arg(long)]
    worker: String,
    /// As of `rebuild`.
    #[arg(long)]
    in_memory_mib: Option<usize>,
    /// As of `rebuild`.
    #[arg(long)]
    at_once: Option<usize>,
}

pub(crate) async fn run(asked: Rebuild) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let shop = workshop(&stand, &asked.database, "beginner", asked.scratch.clone(), None).await?;
    let broker_before = cpu_seconds(asked.broker);
    let began = Instant::now();
    let generation = begin_rebuild(&Lines::<false>::new(asked.kind), &shop, Request::next(None)).await?;
    let begun = began.elapsed().as_secs_f64();
    let workers: Vec<Child> =
        (0..asked.workers).map(|number| start(&asked, &generation, number)).collect::<Result<_, _>>()?;
    let mut used = Used::here(&shop.pool).await?;
    for worker in workers {
        let ended = worker.wait_with_output().await?;
        anyhow::ensure!(ended.status.success(), "a process that rebuilds has ended: {}", ended.status);
        used.add(serde_json::from_slice(&ended.stdout).context("a process has said no figures")?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut figures = used.figures(asked.events, seconds, cpu_seconds(asked.broker) - broker_before);
    let (folding, ending) = phases(&shop.pool, generation.number).await?;
    figures["begin_s"] = begun.into();
    figures["fold_s"] = folding.into();
    figures["end_s"] = ending.into();
    figures["table"] = format!("{}.line", generation.schema()).into();
    if asked.forget {
        drop_generation(&shop.pool, &find_generation(&shop.pool, READ_MODEL, generation.number).await?)
            .await?;
    }
    report(&figures)
}

fn start(asked: &Rebuild, generation: &Generation, number: u32) -> anyhow::Result<Child> {
    let kind = clap::ValueEnum::to_possible_value(&asked.kind).context("a kind without a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["work", "--kind", kind.get_name(), "--database", &asked.database])
        .args(["--generation", &generation.number.to_string(), "--worker", &format!("worker-{number}")])
        .arg("--scratch")
        .arg(asked.scratch.join(number.to_string()))
        .args(asked.in_memory_mib.map(|mib| format!("--in-memory-mib={mib}")))
        .args(asked.at_once.map(|partitions| format!("--at-once={partitions}")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().context("cannot start a process that rebuilds")
}

/// Seconds until all was folded, and from there until it was ready.
async fn phases(pool: &PgPool, generation: i32) -> anyhow::Result<(f64, f64)> {
    let sql = "SELECT extract(epoch FROM folded_at - started_at)::double precision, \
                      extract(epoch FROM finished_at - folded_at)::double precision \
                 FROM brainops.rebuild WHERE read_model = $1 AND generation = $2";
    let row = sqlx::query(sql).bind(READ_MODEL).bind(generation).fetch_one(pool).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// One of the processes that work on a rebuild.
pub(crate) async fn work(asked: Work) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let shop = workshop(&stand, &asked.database, &asked.worker, asked.scratch, asked.in_memory_mib).await?;
    let shop = Workshop { at_once: asked.at_once.unwrap_or(shop.at_once), ..shop };
    let pool = shop.pool.clone();
    let known = find_generation(&pool, READ_MODEL, asked.generation).await?;
    let model = Arc::new(Lines::<false>::new(asked.kind));
    work_on_rebuild(model, shop, known.generation, CancellationToken::new()).await?;
    report(&serde_json::to_value(Used::here(&pool).await?)?)
}
