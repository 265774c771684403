//! One batch in one transaction, or in one statement that is one: checkpoints and rows move together or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use brainops_log::{Batch, Item};
use metrics::{counter, histogram};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::error::{FollowError, Halt};
use super::{AtOnce, Rows};
use crate::advance::{Claim, Fate, fate, fate_of_all};
use crate::backoff::Backoff;
use crate::checkpoint::{Move, Place, begin, begin_unhurried, fence_own, move_on, read_locked};
use crate::held::{Held, State as HeldState, plan};
use crate::keeper::Keeper;
use crate::sqlstate::{Remedy, outcome_is_unknown, remedy};

/// Makes rows of batches.
pub(super) struct Applier<R: Rows> {
    pub(super) what: &'static str,
    pub(super) rows: R,
    pub(super) pool: PgPool,
    pub(super) keeper: Keeper,
    pub(super) held: BTreeMap<Place, Held>,
    pub(super) shutdown: CancellationToken,
}

/// How one attempt ended, if it did not fail: with the partitions that it moved.
enum Attempt<W> {
    Committed(BTreeSet<Place>, Option<W>),
    Unknown(Doubt, W, sqlx::Error),
}

/// What gave no answer.
enum Doubt {
    /// The COMMIT of a transaction that had moved these partitions.
    Commit(BTreeSet<Place>),
    /// A statement that moves this partition, and commits itself.
    Statement(Place),
}

impl<R: Rows> Applier<R> {
    /// Applies a batch. Partitions that cannot be gone on with are stopped; the others go on.
    pub(super) async fn apply(&mut self, batch: &Batch) -> Result<(), Halt> {
        let started = Instant::now();
        let items: Vec<Item<'_>> = batch.items().collect();
        let mut backoff = Backoff::for_database();
        loop {
            let moves = plan(batch.spans(), &mut self.held);
            if moves.is_empty() {
                return Ok(());
            }
            match self.attempt(&items, &moves).await {
                Ok(Attempt::Committed(moved, written)) => {
                    self.committed(&moves, &moved, written);
                    counter!(R::METRICS.records).increment(items.len() as u64);
                    histogram!(R::METRICS.batch_seconds).record(started.elapsed());
                    return Ok(());
                }
                Ok(Attempt::Unknown(doubt, written, error)) => {
                    if let Some(moved) = self.settle(&moves, doubt, error).await? {
                        let written = self.recalled(written, &mut backoff).await?;
                        self.committed(&moves, &moved, Some(written));
                        return Ok(());
                    }
                }
                Err(error) => self.wait_after(error, &mut backoff).await?,
            }
        }
    }

    async fn attempt(
        &mut self,
        items: &[Item<'_>],
        moves: &BTreeMap<Place, Move>,
    ) -> Result<Attempt<R::Written>, sqlx::Error> {
        if let Some(place) = moves.keys().next().filter(|_| moves.len() == 1).cloned() {
            match self.rows.write_at_once(&self.pool, &self.keeper, items, moves).await? {
                AtOnce::Not => {}
                AtOnce::Moved(written) => {
                    return Ok(Attempt::Committed(BTreeSet::from([place]), Some(written)));
                }
                AtOnce::NotMoved => return Ok(Attempt::Committed(BTreeSet::new(), None)),
                AtOnce::Unknown(written, error) => {
                    return Ok(Attempt::Unknown(Doubt::Statement(place), written, error));
                }
            }
        }
        let mut transaction = if self.rows.is_unhurried(items) {
            begin_unhurried(&self.pool, &self.keeper).await?
        } else {
            begin(&self.pool, &self.keeper).await?
        };
        let moved = move_on(&mut transaction, &self.keeper, moves).await?;
        if moved.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Committed(moved, None));
        }
        let written = self.rows.write(&mut transaction, items, &moved).await?;
        match transaction.commit().await {
            Ok(()) => Ok(Attempt::Committed(moved, Some(written))),
            Err(error) if outcome_is_unknown(&error) => {
                Ok(Attempt::Unknown(Doubt::Commit(moved), written, error))
            }
            Err(error) => Err(error),
        }
    }

    fn committed(
        &mut self,
        moves: &BTreeMap<Place, Move>,
        moved: &BTreeSet<Place>,
        written: Option<R::Written>,
    ) {
        if let Some(written) = written {
            self.rows.committed(written);
        }
        for (place, one) in moves {
            let Some(held) = self.held.get_mut(place) else { continue };
            if moved.contains(place) {
                held.moved(one);
            } else {
                tracing::warn!(event.topic = %place.0, event.partition = place.1.get(), followed = self.what, "another process has taken a partition over");
                held.state = HeldState::TakenOver;
            }
        }
    }

    /// Finds out whether what gave no answer was done: none if it was not and never will be, else the partitions that stay
    /// ours. Where none does, others may have found it done.
    async fn settle(
        &mut self,
        moves: &BTreeMap<Place, Move>,
        doubt: Doubt,
        error: sqlx::Error,
    ) -> Result<Option<BTreeSet<Place>>, Halt> {
        counter!(R::METRICS.unknown_commits).increment(1);
        tracing::warn!(error = %error, followed = self.what, "a commit gave no answer; reading the checkpoints");
        let (moved, fate) = match doubt {
            Doubt::Commit(moved) => {
                let fate = self.fate_of_commit(moves, &moved).await?;
                (moved, fate)
            }
            Doubt::Statement(place) => {
                let fate = self.fate_of_statement(moves, &place).await?;
                (BTreeSet::from([place]), fate)
            }
        };
        match fate {
            Some(Fate::Committed) => Ok(Some(moved)),
            Some(Fate::TakenOver) => Ok(Some(BTreeSet::new())),
            Some(Fate::Lost) => Ok(None),
            Some(Fate::Impossible) | None => {
                Err(FollowError::ImpossibleCheckpoint { what: self.what }.into())
            }
        }
    }

    async fn fate_of_commit(
        &self,
        moves: &BTreeMap<Place, Move>,
        moved: &BTreeSet<Place>,
    ) -> Result<Option<Fate>, Halt> {
        let found = self.until_answered(|| read_locked(&self.pool, &self.keeper, moved)).await?;
        let fates =
            moved.iter().filter_map(|place| Some(fate(moves.get(place)?.claim, found.get(place).copied())));
        Ok(fate_of_all(fates))
    }

    /// The same for a statement, which may still be on its way: in the epoch that it names it moves nothing any more.
    async fn fate_of_statement(
        &mut self,
        moves: &BTreeMap<Place, Move>,
        place: &Place,
    ) -> Result<Option<Fate>, Halt> {
        let Some(Move { claim, .. }) = moves.get(place) else { return Ok(None) };
        let found = self.until_answered(|| fence_own(&self.pool, &self.keeper, place, claim.epoch)).await?;
        let Some(found) = found else { return Ok(Some(Fate::TakenOver)) };
        if let Some(held) = self.held.get_mut(place) {
            held.raised(found.epoch);
        }
        Ok(Some(fate(Claim { epoch: found.epoch, ..*claim }, Some(found))))
    }

    async fn recalled(&mut self, mut written: R::Written, backoff: &mut Backoff) -> Result<R::Written, Halt> {
        while let Err(error) = self.rows.recall(&self.pool, &mut written).await {
            self.wait_after(error, backoff).await?;
        }
        Ok(written)
    }

    /// Asks the database until it answers, as long as the same may then succeed.
    pub(super) async fn until_answered<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut backoff = Backoff::for_database();
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.wait_after(error, &mut backoff).await?,
            }
        }
    }

    /// Waits after an error of the database, if the same may then succeed.
    async fn wait_after(&self, error: sqlx::Error, backoff: &mut Backoff) -> Result<(), Halt> {
        if remedy(&error) != Remedy::Retry {
            return Err(FollowError::Database { what: self.what, source: error }.into());
        }
        counter!(R::METRICS.retries).increment(1);
        let pause = backoff.pause();
        tracing::warn!(reason = %error, pause_ms = pause.as_millis(), followed = self.what, "a topic is not followed; trying again");
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.shutdown.cancelled() => Err(Halt::ShutDown),
        }
    }
}
