//! Brings a generation to exactly where another one stands, while that one never stops: then their rows can be
//! compared.
//!
//! ```text
//!   1. the moved one is fenced: whoever follows it writes nothing any more       it stands at G
//!   2. the other one is waited for until it is at or past G everywhere
//!   3. a snapshot of the other one: its own checkpoints say where it stands      F
//!   4. the moved one is folded on from G to F, and a snapshot is taken of it
//! ```
//!
//! Who followed the moved one takes it up again some seconds later. When that happens too soon, all begins anew.

use std::sync::Arc;
use std::time::Duration;

use brainops_event::{Frontier, Offset};
use sqlx::{AssertSqlSafe, PgPool};
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::catch_up::CatchUp;
use crate::checkpoint::Asked;
use crate::compare::{CompareError, CompareLimits, Comparison, Side, compare, frontier};
use crate::generation::Generation;
use crate::model::ReadModel;
use crate::rebuild::{RebuildError, Workshop, in_database};
use crate::takeover::take_over;

/// How often it is tried.
const TRIES: u32 = 8;
/// How long the other one may take to come to where the moved one stands.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// Why two generations cannot be brought to one frontier.
#[derive(Debug, Error)]
pub enum AlignError {
    /// The moved one cannot be folded on.
    #[error("it cannot be folded on")]
    Rebuild(#[from] RebuildError),
    /// A snapshot cannot be taken or read.
    #[error("the rows cannot be compared")]
    Compare(#[from] CompareError),
    /// The other one does not come to where the moved one stands.
    #[error("{schema} does not come to {missing} within {} s: nobody follows it, or it stands", limit.as_secs())]
    Behind {
        /// The one that was waited for.
        schema: String,
        /// A partition with the offset that was waited for.
        missing: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Whoever follows the moved one was too quick, again and again.
    #[error("{schema} is taken up again by who follows it before it can be compared")]
    Restless {
        /// The moved one.
        schema: String,
    },
}

/// Compares two generations of a read model at one frontier, the first of which never stops: left is the one that
/// stays where it is, right the one that is folded on to it.
///
/// # Errors
/// [`AlignError`] when they cannot be brought to one frontier, or compared.
pub async fn compare_aligned<M: ReadModel>(
    model: &Arc<M>,
    shop: &Workshop,
    (still, moved): (&Generation, &Generation),
    limits: CompareLimits,
    stop: &CancellationToken,
) -> Result<Comparison, AlignError> {
    let (mut left, mut right) = align(model, shop, still, moved, stop).await?;
    let comparison = compare(&mut left, &mut right, limits).await?;
    left.close().await?;
    right.close().await?;
    Ok(comparison)
}

/// Brings `moved` to where `still` stands; answers with a snapshot of each, at one frontier.
pub(crate) async fn align<M: ReadModel>(
    model: &Arc<M>,
    shop: &Workshop,
    still: &Generation,
    moved: &Generation,
    stop: &CancellationToken,
) -> Result<(Side, Side), AlignError> {
    for _ in 0..TRIES {
        let fenced = fence(shop, moved).await?;
        wait_for(&shop.pool, still, &fenced).await?;
        let left = Side::open(&shop.pool, still).await?;
        if decisions_wait(&shop.pool, still).await? {
            // Somebody has decided, and it is not carried out yet: rows would differ by that alone.
            tokio::time::sleep(LOOK * 4).await;
            continue;
        }
        let folding = CatchUp { model, shop, generation: moved };
        match folding.run(left.frontier(), |_| {}, stop).await {
            Ok(()) => {}
            Err(RebuildError::Stands { reason, .. }) => {
                tracing::debug!(reason, "a generation was taken up while it was to be compared; once more");
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let right = Side::open(&shop.pool, moved).await?;
        let (at, wanted) = (right.frontier(), left.frontier());
        if at.has_reached(wanted) && wanted.has_reached(at) {
            return Ok((left, right));
        }
    }
    Err(AlignError::Restless { schema: moved.schema() })
}

/// Takes all partitions of a generation away from whoever follows it; answers with where it stands.
async fn fence(shop: &Workshop, generation: &Generation) -> Result<Frontier, AlignError> {
    let failed = |what| in_database(&generation.read_model, what);
    let mut connection = shop.pool.acquire().await.map_err(failed("connect for a comparison"))?;
    let known = frontier(&mut connection, generation).await.map_err(failed("read the checkpoints"))?;
    drop(connection);
    let asked: Vec<Asked> = known
        .iter()
        .filter_map(|(topic, partition, _)| {
            let topic_id = known.topic_id(topic)?.clone();
            Some(Asked { place: (topic.clone(), partition), topic_id, log_start: Offset::ZERO })
        })
        .collect();
    let taken =
        take_over(&shop.pool, generation, &asked).await.map_err(failed("take over the partitions"))?;
    Ok(taken.into_iter().map(|((topic, partition), one)| (topic, partition, one.next)).collect())
}

/// Waits until a generation is at or past a frontier.
async fn wait_for(pool: &PgPool, generation: &Generation, wanted: &Frontier) -> Result<(), AlignError> {
    let failed = |what| in_database(&generation.read_model, what);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut connection = pool.acquire().await.map_err(failed("connect for a comparison"))?;
        let at = frontier(&mut connection, generation).await.map_err(failed("read the checkpoints"))?;
        drop(connection);
        if at.has_reached(wanted) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let is_behind = |topic: &brainops_event::TopicName, partition, next| {
                at.get(topic, partition).is_none_or(|at| at < next)
            };
            let mut behind =
                wanted.iter().filter(|(topic, partition, next)| is_behind(topic, *partition, *next));
            let missing = behind
                .next()
                .map_or_else(String::new, |(topic, partition, next)| format!("{topic}/{partition}@{next}"));
            return Err(AlignError::Behind { schema: generation.schema(), missing, limit: PATIENCE });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether decisions about what is folded wait to be carried out.
async fn decisions_wait(pool: &PgPool, generation: &Generation) -> Result<bool, AlignError> {
    let sql = "SELECT EXISTS (SELECT FROM {generation}.decision AS asked \
                                JOIN {generation}.checkpoint AS held \
                                  ON held.topic = asked.about_topic AND held.partition = asked.about_partition \
                                 AND held.next_offset > asked.about_offset \
                               WHERE asked.state = 'pending')";
    let waits = sqlx::query_scalar(AssertSqlSafe(generation.fill(sql))).fetch_one(pool).await;
    Ok(waits.map_err(in_database(&generation.read_model, "read the decisions"))?)
}
