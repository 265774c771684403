//! Holds the rows of the generation that serves against a fold of the log alone.

use std::sync::Arc;

use brainops_event::Frontier;
use chrono::{TimeDelta, Utc};
use serde::Serialize;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::align::{AlignError, align};
use crate::compare::{CompareError, CompareLimits, Comparison, Side, compare, frontier};
use crate::drop::{DropError, drop_generation};
use crate::generation::{Generation, GenerationKind, ServingError, serving};
use crate::install::offered_version;
use crate::lineage::{FindError, find_generation};
use crate::model::ReadModel;
use crate::rebuild::{RebuildError, Request, Workshop, begin_rebuild, in_database, work_on_rebuild};

/// How long a fold that is to be compared may take; older ones were left behind.
const LEFT_BEHIND_AFTER: TimeDelta = TimeDelta::days(2);

/// What holding rows against the log has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Left is what serves, right what the log says.
    pub comparison: Comparison,
    /// When rows differ: whether folding the log once more gave the same as the first time. A fold that does not give
    /// the same twice is not pure, and the rows cannot be blamed.
    pub is_deterministic: Option<bool>,
}

impl Verification {
    /// Whether the rows are what the log says.
    pub fn is_proven(&self) -> bool {
        self.comparison.is_equal() && self.comparison.parked.is_empty()
    }
}

/// Why rows cannot be held against the log.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// It is not known which generation serves.
    #[error("cannot verify")]
    Serving(#[from] ServingError),
    /// What serves was filled by another version of the fold.
    #[error(
        "generation {generation} of {read_model} holds fold version {installed}, this program folds version {offered}: its rows can be held only against a fold of their version"
    )]
    OtherVersion {
        /// The read model.
        read_model: String,
        /// The generation that serves.
        generation: i32,
        /// The version that fills it.
        installed: i32,
        /// The version of this program.
        offered: i32,
    },
    /// The log cannot be folded.
    #[error("the log cannot be folded")]
    Rebuild(#[from] RebuildError),
    /// The two cannot be brought to one frontier.
    #[error("what serves and what the log says cannot be brought to one frontier")]
    Align(#[from] AlignError),
    /// The rows cannot be compared.
    #[error("the rows cannot be compared")]
    Compare(#[from] CompareError),
    /// The fold of the log cannot be found again or removed.
    #[error("what was folded to be compared cannot be removed")]
    Drop(#[source] Box<DropError>),
    /// The fold of the log cannot be found again.
    #[error("what was folded to be compared is not found")]
    Find(#[from] FindError),
}

/// Folds the log up to where the generation that serves stands, and compares the rows; what serves never stops.
///
/// # Errors
/// [`VerifyError`] when that cannot be done; rows that differ are an answer, not an error.
pub async fn verify<M: ReadModel>(
    model: Arc<M>,
    shop: &Workshop,
    limits: CompareLimits,
    stop: &CancellationToken,
) -> Result<Verification, VerifyError> {
    let served = serving(&shop.pool, model.name()).await?;
    let offered = offered_version(&*model);
    if served.fold_version != offered {
        return Err(VerifyError::OtherVersion {
            read_model: served.read_model.to_string(),
            generation: served.number,
            installed: served.fold_version,
            offered,
        });
    }
    let check = begin(&model, shop, &served).await?;
    let verified = compare_with_log(&model, shop, (&served, &check), limits, stop).await;
    remove(shop, &check).await?;
    verified
}

/// Makes the tables for a fold of the log up to where a generation stands.
async fn begin<M: ReadModel>(
    model: &Arc<M>,
    shop: &Workshop,
    served: &Generation,
) -> Result<Generation, VerifyError> {
    let failed = |what| in_database(&served.read_model, what);
    let mut connection = shop.pool.acquire().await.map_err(failed("connect for a comparison"))?;
    let goal = frontier(&mut connection, served).await.map_err(failed("read the checkpoints"))?;
    drop(connection);
    Ok(begin_rebuild(&**model, shop, check_request(Some(goal))).await?)
}

/// What is folded to be compared. One that is left behind by a process that died is dropped when its time is over.
fn check_request(goal: Option<Frontier>) -> Request {
    let expires_at = Some(Utc::now() + LEFT_BEHIND_AFTER);
    Request { kind: GenerationKind::Check, goal, expires_at, ..Request::next(None) }
}

async fn compare_with_log<M: ReadModel>(
    model: &Arc<M>,
    shop: &Workshop,
    (served, check): (&Generation, &Generation),
    limits: CompareLimits,
    stop: &CancellationToken,
) -> Result<Verification, VerifyError> {
    work_on_rebuild(Arc::clone(model), shop.clone(), check.clone(), stop.clone()).await?;
    let (mut left, mut right) = align(model, shop, served, check, stop).await?;
    let comparison = compare(&mut left, &mut right, limits).await?;
    left.close().await?;
    let is_deterministic = match comparison.is_equal() {
        true => None,
        false => Some(folds_the_same_again(model, shop, &mut right, stop).await?),
    };
    right.close().await?;
    Ok(Verification { comparison, is_deterministic })
}

/// Whether folding the log once more, up to where the first fold stands, gives the same rows.
async fn folds_the_same_again<M: ReadModel>(
    model: &Arc<M>,
    shop: &Workshop,
    first: &mut Side,
    stop: &CancellationToken,
) -> Result<bool, VerifyError> {
    let goal = Some(first.frontier().clone());
    let again = begin_rebuild(&**model, shop, check_request(goal)).await?;
    let same = async {
        work_on_rebuild(Arc::clone(model), shop.clone(), again.clone(), stop.clone()).await?;
        let mut second = Side::open(&shop.pool, &again).await?;
        let comparison = compare(first, &mut second, CompareLimits { rows: 0 }).await?;
        second.close().await?;
        Ok::<_, VerifyError>(comparison.is_equal())
    };
    let same = same.await;
    remove(shop, &again).await?;
    same
}

async fn remove(shop: &Workshop, check: &Generation) -> Result<(), VerifyError> {
    let known = find_generation(&shop.pool, check.read_model.as_str(), check.number).await?;
    match drop_generation(&shop.pool, &known).await {
        Ok(_) => Ok(()),
        Err(error) => Err(VerifyError::Drop(Box::new(error))),
    }
}
