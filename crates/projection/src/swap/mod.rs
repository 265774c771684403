//! Points the views of a read model at another of its generations, forwards or back, while it is read and written.
//!
//! Guarantee: a reader sees one generation whole, or the other. No select joins tables of two, no transaction goes back
//! in time, nobody sees a table that is not filled, and a swap that is not done leaves nothing behind.
//!
//! | danger | what is done |
//! |---|---|
//! | a transaction's snapshot is older than the rows of the new generation | such transactions are waited for, and named |
//! | the new generation is behind: readers would go back in time | the serving one's checkpoints are held (`FOR SHARE`) while the views change, and the new one must be at or past them |
//! | a select finds some views changed and others not | all views change in one transaction; a reader of the first one keeps the swap from getting it |
//! | readers queue behind a swap that waits for a reader | one try waits at most `lock_timeout` for all views together, then lets go of them, pauses, and tries again |
//! | two swaps, or a swap and an installation | they exclude each other by the installation's lock |
//! | a swap and a reader wait for each other | the swap gives up first, for `lock_timeout` is shorter than `deadlock_timeout`, and begins its next try with the view that the reader held |
//! | the answer to COMMIT is lost | the row in `brainops.generation` says which generation serves |
//! | the new generation has parked what the old one has folded | a person must consent |
//!
//! What is not promised: a prepared `SELECT *` fails once after a swap that added columns ("cached plan must not change
//! result type"), as after any change of a view. List the columns.

mod attempt;
mod error;
mod newly_parked;
mod reach;
mod snapshots;
mod watch;

use std::time::Duration;

use brainops_event::Frontier;
use serde::Serialize;
use sqlx::PgPool;

use self::attempt::{Attempt, Swap};
use self::error::Hindrance;
use self::reach::wait_until_near;
use self::snapshots::wait_for_old_snapshots;
use crate::backoff::Backoff;
use crate::generation::{Generation, GenerationKind, serving};
use crate::lineage::{GenerationState, KnownGeneration, find_generation, generations};

pub use self::attempt::DerivedViews;
pub use self::error::{Behind, Blocker, NewlyParked, SwapError, SwapOptions};
pub use self::newly_parked::newly_parked;

/// The first pause between tries, and the longest: readers that were held up get through meanwhile.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Views that were pointed at another generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Swapped {
    /// Name of the read model.
    pub read_model: String,
    /// The generation that served until then; it goes on following the log.
    pub from: i32,
    /// The generation that serves now.
    pub to: i32,
    /// Up to where readers had seen the log at that moment; the new generation was at or past it.
    pub frontier: Frontier,
    /// What the new generation has parked and the old one had not.
    pub parked: Vec<NewlyParked>,
    /// What became of the derived views.
    pub derived_views: DerivedViews,
    /// How many tries it took.
    pub tries: u32,
    /// How long the views were locked in the last try, in seconds.
    pub locked_seconds: f64,
}

/// Points the views of a read model at another ready generation of its lineage.
///
/// # Errors
/// [`SwapError`]; then the views show what they showed.
pub async fn swap(pool: &PgPool, to: &Generation, options: SwapOptions) -> Result<Swapped, SwapError> {
    let lock_timeout = options.lock_timeout.clamp(Duration::from_millis(10), Duration::from_millis(900));
    let options = SwapOptions { lock_timeout, ..options };
    let from = serving(pool, to.read_model.as_str()).await?;
    check(&find_generation(pool, to.read_model.as_str(), to.number).await?)?;
    wait_for_old_snapshots(pool, to, &options).await?;
    let plan = Swap::new(pool, &from, to, &options);
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let mut tries = 0;
    loop {
        wait_until_near(pool, &from, to, &options).await?;
        tries += 1;
        let hindrance = match plan.attempt().await? {
            Attempt::Done(done) => {
                let (read_model, generation) = (&to.read_model, to.number);
                tracing::info!(projector.name = %read_model, generation, from = from.number, tries, "the views show another generation");
                return Ok(Swapped {
                    read_model: to.read_model.to_string(),
                    from: from.number,
                    to: to.number,
                    frontier: done.frontier,
                    parked: done.parked,
                    derived_views: done.derived,
                    tries,
                    locked_seconds: done.held.as_secs_f64(),
                });
            }
            Attempt::Again(hindrance) => hindrance,
        };
        tracing::warn!(projector.name = %to.read_model, generation = to.number, tries, reason = %hindrance, "the views could not be pointed at another generation; trying again");
        if tries >= options.tries.max(1) {
            return Err(given_up(to, tries, hindrance));
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}

/// Whether it may serve at all; what it is by then is looked at once more, behind locks.
fn check(known: &KnownGeneration) -> Result<(), SwapError> {
    let reason = match (known.generation.kind, known.state) {
        (GenerationKind::Lineage, GenerationState::Ready) => return Ok(()),
        (GenerationKind::Lineage, GenerationState::Serving) => "it serves already".to_owned(),
        (GenerationKind::Lineage, state) => format!("it is {}", state.as_str()),
        (kind, _) => format!("it is of kind {}, and follows nothing", kind.as_str()),
    };
    let (read_model, number) = (known.generation.read_model.clone(), known.generation.number);
    Err(SwapError::NotReady { read_model, number, reason })
}

fn given_up(to: &Generation, tries: u32, hindrance: Hindrance) -> SwapError {
    let (read_model, number) = (to.read_model.clone(), to.number);
    match hindrance {
        Hindrance::Locked(blockers) => SwapError::Locked { read_model, tries, blockers },
        Hindrance::Behind(partitions) => SwapError::Behind { read_model, number, partitions },
        Hindrance::Away(source) => SwapError::Database { read_model, what: "swap the views", source },
    }
}

/// The generation to which a read model goes back: the one that served last before, or the one of this number.
///
/// # Errors
/// [`SwapError`] when there is none that could serve.
pub async fn rollback_target(
    pool: &PgPool,
    read_model: &str,
    number: Option<i32>,
) -> Result<Generation, SwapError> {
    let served = serving(pool, read_model).await?;
    if let Some(number) = number {
        let known = find_generation(pool, read_model, number).await?;
        check(&known)?;
        return Ok(known.generation);
    }
    let has_served = |one: &KnownGeneration| check(one).is_ok() && one.replaced_at.is_some();
    let known = generations(pool, read_model).await?.into_iter().filter(has_served);
    let last = known.max_by_key(|one| one.replaced_at);
    last.map(|one| one.generation).ok_or_else(|| SwapError::NotReady {
        read_model: served.read_model,
        number: served.number,
        reason: "none has served before it that is still there".to_owned(),
    })
}

/// Points the views back at the generation that served before, or at the one of this number. It is as fresh as the one
/// that serves, since it went on following the log.
///
/// # Errors
/// [`SwapError`]; then the views show what they showed.
pub async fn rollback(
    pool: &PgPool,
    read_model: &str,
    number: Option<i32>,
    options: SwapOptions,
) -> Result<Swapped, SwapError> {
    let to = rollback_target(pool, read_model, number).await?;
    swap(pool, &to, options).await
}
