//! One batch in one transaction: checkpoints and rows move together or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use brainops_checkpoint::advance::{Fate, fate, fate_of_all};
use brainops_checkpoint::backoff::Backoff;
use brainops_checkpoint::sqlstate::{Remedy, outcome_is_unknown, remedy};
use brainops_checkpoint::{Held, Keeper, Move, Place, State as HeldState, begin, move_on, plan, read_locked};
use brainops_fault::point;
use brainops_log::{Batch, Item};
use metrics::{counter, histogram};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

use super::error::{FollowError, Halt};
use super::fold::{Folded, fold};
use crate::metrics as names;
use crate::row::State;

/// Makes rows of batches.
pub(crate) struct Applier {
    pub(crate) pool: PgPool,
    pub(crate) keeper: Keeper,
    pub(crate) held: BTreeMap<Place, Held>,
    pub(crate) shutdown: CancellationToken,
}

/// How one attempt ended, if it did not fail: with the partitions that it moved.
enum Attempt {
    Committed(BTreeSet<Place>),
    Unknown(BTreeSet<Place>, sqlx::Error),
}

impl Applier {
    /// Applies a batch. Partitions that cannot be gone on with are stopped; the others go on.
    pub(crate) async fn apply(&mut self, batch: &Batch) -> Result<(), Halt> {
        let started = Instant::now();
        let items: Vec<Item<'_>> = batch.items().collect();
        let mut backoff = Backoff::for_database();
        loop {
            let moves = plan(batch.spans(), &mut self.held);
            if moves.is_empty() {
                return Ok(());
            }
            match self.attempt(&items, &moves).await {
                Ok(Attempt::Committed(moved)) => {
                    self.committed(&moves, &moved);
                    counter!(names::FOLLOWED_TOTAL).increment(items.len() as u64);
                    histogram!(names::BATCH_SECONDS).record(started.elapsed());
                    return Ok(());
                }
                Ok(Attempt::Unknown(moved, error)) => {
                    if self.settle(&moves, &moved, error).await? {
                        self.committed(&moves, &moved);
                        return Ok(());
                    }
                }
                Err(error) => self.wait_after(error, &mut backoff).await?,
            }
        }
    }

    async fn attempt(
        &self,
        items: &[Item<'_>],
        moves: &BTreeMap<Place, Move>,
    ) -> Result<Attempt, sqlx::Error> {
        let mut transaction = begin(&self.pool, &self.keeper).await?;
        let moved = move_on(&mut transaction, &self.keeper, moves).await?;
        point("task.follow_moved");
        if moved.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Committed(moved));
        }
        write(&mut transaction, &fold(items, |place| moved.contains(place))).await?;
        point("task.follow_written");
        match transaction.commit().await {
            Ok(()) => Ok(Attempt::Committed(moved)),
            Err(error) if outcome_is_unknown(&error) => Ok(Attempt::Unknown(moved, error)),
            Err(error) => Err(error),
        }
    }

    fn committed(&mut self, moves: &BTreeMap<Place, Move>, moved: &BTreeSet<Place>) {
        for (place, one) in moves {
            let Some(held) = self.held.get_mut(place) else { continue };
            if moved.contains(place) {
                held.moved(one);
            } else {
                tracing::warn!(event.topic = %place.0, event.partition = place.1.get(), "another process has taken a partition of tasks over");
                held.state = HeldState::TakenOver;
            }
        }
    }

    /// Finds out whether a COMMIT without an answer was done: true if it was.
    async fn settle(
        &self,
        moves: &BTreeMap<Place, Move>,
        moved: &BTreeSet<Place>,
        error: sqlx::Error,
    ) -> Result<bool, Halt> {
        counter!(names::UNKNOWN_COMMITS_TOTAL).increment(1);
        tracing::warn!(error = %error, "a commit of tasks gave no answer; reading the checkpoints");
        let mut backoff = Backoff::for_database();
        let found = loop {
            match read_locked(&self.pool, &self.keeper, moved).await {
                Ok(found) => break found,
                Err(error) => self.wait_after(error, &mut backoff).await?,
            }
        };
        let fates =
            moved.iter().filter_map(|place| Some(fate(moves.get(place)?.claim, found.get(place).copied())));
        match fate_of_all(fates) {
            Some(Fate::Committed) => Ok(true),
            Some(Fate::Lost | Fate::TakenOver) => Ok(false),
            Some(Fate::Impossible) | None => Err(FollowError::ImpossibleCheckpoint.into()),
        }
    }

    /// Waits after an error of the database, if the same may then succeed.
    pub(crate) async fn wait_after(&self, error: sqlx::Error, backoff: &mut Backoff) -> Result<(), Halt> {
        if remedy(&error) != Remedy::Retry {
            return Err(FollowError::Database(error).into());
        }
        counter!(names::RETRIES_TOTAL).increment(1);
        let pause = backoff.pause();
        tracing::warn!(reason = %error, pause_ms = pause.as_millis(), "tasks are not followed; trying again");
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.shutdown.cancelled() => Err(Halt::ShutDown),
        }
    }
}

async fn write(connection: &mut PgConnection, folded: &Folded) -> Result<(), sqlx::Error> {
    write_tasks(connection, folded).await?;
    write_failures(connection, folded).await?;
    write_ends(connection, folded).await?;
    write_unreadable(connection, folded).await
}

async fn write_tasks(
    connection: &mut PgConnection,
    Folded { tasks, .. }: &Folded,
) -> Result<(), sqlx::Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/fold_tasks.sql"))
        .bind(tasks.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(tasks.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.kind.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.subject.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.correlation_id.as_deref()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.priority.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.payload.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.recorded_at).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.position.topic.as_str()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .bind(tasks.values().map(|one| one.turn_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_failures(
    connection: &mut PgConnection,
    Folded { failures, .. }: &Folded,
) -> Result<(), sqlx::Error> {
    if failures.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/fold_failures.sql"))
        .bind(failures.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(failures.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(failures.values().map(|(failure, _)| *failure).collect::<Vec<_>>())
        .bind(failures.values().map(|(_, retry_at)| *retry_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_ends(connection: &mut PgConnection, Folded { ends, .. }: &Folded) -> Result<(), sqlx::Error> {
    if ends.is_empty() {
        return Ok(());
    }
    let states = format!("ARRAY['{}']", State::ALL.map(State::as_str).join("', '"));
    sqlx::query(AssertSqlSafe(include_str!("../sql/fold_ends.sql").replace("{states}", &states)))
        .bind(ends.keys().map(|name| name.source.as_str()).collect::<Vec<_>>())
        .bind(ends.keys().map(|name| name.id.as_str()).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.state.as_str()).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.recorded_at).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(ends.values().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_unreadable(
    connection: &mut PgConnection,
    Folded { unreadable, .. }: &Folded,
) -> Result<(), sqlx::Error> {
    if unreadable.is_empty() {
        return Ok(());
    }
    counter!(names::UNREADABLE_TOTAL).increment(unreadable.len() as u64);
    for (position, reason) in unreadable {
        tracing::error!(event.position = %position, reason, "whether a record is a task cannot be said; a person must look");
    }
    sqlx::query(include_str!("../sql/fold_unreadable.sql"))
        .bind(unreadable.iter().map(|(position, _)| position.topic.as_str()).collect::<Vec<_>>())
        .bind(unreadable.iter().map(|(position, _)| position.partition.get()).collect::<Vec<_>>())
        .bind(unreadable.iter().map(|(position, _)| position.offset.get()).collect::<Vec<_>>())
        .bind(unreadable.iter().map(|(_, reason)| *reason).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
