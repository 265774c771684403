//! Swapping views back and forth under readers: how long any of them waited.

use std::time::{Duration, Instant};

use brainops_projection::{GenerationState, SwapOptions, generations, swap};
use clap::Args;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::replay::READ_MODEL;
use crate::said::percentile;
use crate::stand::{Stand, report};

/// How long each reader rests between two questions, and the swaps between two of them.
const REST: Duration = Duration::from_millis(20);
const BETWEEN: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(crate) struct Swaps {
    /// The database, in which one generation serves and another one is ready, at one frontier.
    #[arg(long)]
    database: String,
    /// How many read.
    #[arg(long, default_value_t = 50)]
    readers: u32,
    /// How many swaps.
    #[arg(long, default_value_t = 40)]
    swaps: usize,
}

pub(crate) async fn run(asked: Swaps) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let pool = stand.postgres(&asked.database).pool().await?;
    let readers = PgPoolOptions::new().max_connections(asked.readers).min_connections(asked.readers);
    let readers = readers.connect_with((*pool.connect_options()).clone()).await?;
    let quiet =
        read_for(&readers, asked.readers, async || tokio::time::sleep(Duration::from_secs(2)).await).await?;
    let mut locked = Vec::new();
    let mut tries = 0;
    let mut failed = Ok(());
    let waits = read_for(&readers, asked.readers, async || {
        for _ in 0..asked.swaps {
            match swap_once(&pool).await {
                Ok((its_tries, seconds)) => {
                    tries += its_tries;
                    locked.push(seconds * 1000.0);
                }
                Err(error) => {
                    failed = Err(error);
                    return;
                }
            }
            tokio::time::sleep(BETWEEN).await;
        }
    })
    .await?;
    failed?;
    locked.sort_by(f64::total_cmp);
    report(&serde_json::json!({
        "swaps": asked.swaps,
        "tries": tries,
        "reads": waits.len(),
        "quiet_max_ms": percentile(&quiet, 1.0),
        "quiet_p99_ms": percentile(&quiet, 0.99),
        "wait_max_ms": percentile(&waits, 1.0),
        "wait_p99_ms": percentile(&waits, 0.99),
        "locked_max_ms": percentile(&locked, 1.0),
        "locked_p50_ms": percentile(&locked, 0.5),
    }))
}

/// Points the views at the generation that does not serve; how many tries it took, and how long views were locked.
async fn swap_once(pool: &PgPool) -> anyhow::Result<(u32, f64)> {
    let known = generations(pool, READ_MODEL).await?;
    let ready = known.into_iter().find(|one| one.state == GenerationState::Ready);
    let to = ready.ok_or_else(|| anyhow::anyhow!("there is nothing to swap to"))?;
    let swapped = swap(pool, &to.generation, SwapOptions::default()).await?;
    Ok((swapped.tries, swapped.locked_seconds))
}

/// Reads with all readers while something is done: milliseconds of each read, sorted.
async fn read_for(pool: &PgPool, readers: u32, mut meanwhile: impl AsyncFnMut()) -> anyhow::Result<Vec<f64>> {
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    for number in 0..readers {
        tasks.spawn(read_often(pool.clone(), number, stop.clone()));
    }
    meanwhile().await;
    stop.cancel();
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended??);
    }
    all.sort_by(f64::total_cmp);
    Ok(all)
}

/// One reader: it asks for one row of the view, again and again.
async fn read_often(pool: PgPool, number: u32, stop: CancellationToken) -> anyhow::Result<Vec<f64>> {
    let mut connection = pool.acquire().await?;
    let (mut times, mut subject) = (Vec::new(), u64::from(number));
    while !stop.is_cancelled() {
        let began = Instant::now();
        let sql = "SELECT seq, status FROM bench.line WHERE subject = $1";
        let found = sqlx::query(sql).bind(format!("order-{subject:08}")).fetch_all(&mut *connection).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        anyhow::ensure!(found.len() <= 1, "{} rows of one subject", found.len());
        subject = (subject * 31 + 7) % 10_000;
        tokio::time::sleep(REST).await;
    }
    Ok(times)
}
