//! One batch in one transaction: checkpoints, instances and decisions move together or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use brainops_checkpoint::advance::{Fate, Found, fate, fate_of_all};
use brainops_checkpoint::backoff::Backoff;
use brainops_checkpoint::sqlstate::{Remedy, outcome_is_unknown, remedy};
use brainops_checkpoint::{
    Held, Keeper, Move, Place, State, begin, begin_unhurried, lock_own, move_on, plan, read_locked,
};
use brainops_event::Partition;
use brainops_fault::{Bug, planted, point};
use brainops_log::{Item, Span};
use brainops_outbox::{AppendError, Outbox};
use metrics::{counter, histogram};
use sqlx::{PgPool, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use super::budget;
use super::error::{Halt, RunError};
use super::react::{Reactions, Refused, react};
use super::sort::{Inputs, Sorted, sort};
use super::store::{Known, Locked, StoreError, inbox_name, lock, taken_before};
use super::tell::Told;
use super::write::{leave_places, note_passed, note_taken, save};
use crate::cast::Cast;
use crate::metrics as names;
use crate::purse::Purse;
use crate::refusal::Refusal;
use crate::switch;

/// How long the answer whether the outbox is full is good for.
const FULL_IS_GOOD_FOR: Duration = Duration::from_millis(250);
/// How often a stopped agent looks whether it may go on.
const STOPPED_LOOK: Duration = Duration::from_millis(250);

/// Lets instances of one agent react to batches.
pub(crate) struct Applier {
    pub(crate) cast: Cast,
    pub(crate) pool: PgPool,
    pub(crate) keeper: Keeper,
    pub(crate) outbox: Outbox,
    pub(crate) held: BTreeMap<Place, Held>,
    pub(crate) had_room_at: Option<Instant>,
}

/// What shows that partitions are still ours.
enum Fence<'a> {
    /// Their checkpoints move.
    Moves(&'a BTreeMap<Place, Move>),
    /// Their checkpoints stand where we have left them.
    Stands(&'a BTreeMap<Place, Found>),
}

/// How one attempt ended, if it did not fail.
enum Attempt {
    Committed(Done),
    /// COMMIT gave no answer.
    Unknown(Done, sqlx::Error),
    /// Some decisions stand in the log in other words; nothing is written.
    Conflicts(Refused),
    /// Somebody has stopped this agent; nothing is written.
    Stopped,
}

/// What an attempt has done, if it is committed.
#[derive(Debug, Default)]
struct Done {
    moved: BTreeSet<Place>,
    taken: usize,
    events: usize,
    repeats: u64,
    parked: u64,
    over_budget: u64,
    unrouted: usize,
    /// Partitions for which something was put into the outbox that relays are to be woken for.
    queued: BTreeSet<Partition>,
}

/// What stops an attempt.
pub(super) enum Failed {
    Database(sqlx::Error),
    Append(AppendError),
    Fault(RunError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Applier {
    pub(super) fn agent(&self) -> &'static str {
        self.cast.name()
    }

    pub(super) fn row(&self, source: Refusal) -> Failed {
        Failed::Fault(RunError::Row { agent: self.agent(), source })
    }

    fn of_store(&self, error: StoreError) -> Failed {
        match error {
            StoreError::Database(error) => Failed::Database(error),
            StoreError::Row(refusal) => self.row(refusal),
        }
    }

    /// Takes what stands in these spans, which was sorted for the first attempt. Partitions that cannot be gone on with are stopped; the others go on.
    ///
    /// # Errors
    /// [`Halt`] when the agent cannot go on, or shutdown came during an outage.
    pub(crate) async fn apply(
        &mut self,
        items: &[Item<'_>],
        spans: &[Span],
        sorted: Inputs<'_>,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        point("saga.batch_received");
        let started = Instant::now();
        let (mut refused, mut backoff) = (Refused::default(), Backoff::for_database());
        let mut sorted = Some(sorted);
        loop {
            let moves = plan(spans, &mut self.held);
            if moves.is_empty() {
                return Ok(());
            }
            if !self.has_room().await {
                self.wait(&mut backoff, "the outbox is full", shutdown).await?;
                continue;
            }
            let inputs = sorted.take().unwrap_or_else(|| sort(&self.cast, items));
            match self.attempt(inputs, &Fence::Moves(&moves), &refused).await {
                Ok(Attempt::Committed(done)) => {
                    self.committed(&moves, &done);
                    histogram!(names::BATCH_SECONDS, "agent" => self.agent()).record(started.elapsed());
                    return Ok(());
                }
                Ok(Attempt::Unknown(done, error)) => {
                    if self.settle(&moves, &done.moved, error, shutdown).await? {
                        self.committed(&moves, &done);
                        return Ok(());
                    }
                }
                Ok(Attempt::Conflicts(more)) => self.refuse(&mut refused, more)?,
                Ok(Attempt::Stopped) => self.wait_until_started(&mut backoff, shutdown).await?,
                Err(Failed::Fault(fault)) => return Err(fault.into()),
                Err(Failed::Database(error)) => self.wait_after(error, &mut backoff, shutdown).await?,
                Err(Failed::Append(error)) if error.is_transient() => {
                    self.wait(&mut backoff, &error.to_string(), shutdown).await?;
                }
                Err(Failed::Append(error)) => {
                    return Err(RunError::Append { agent: self.agent(), source: Box::new(error) }.into());
                }
            }
        }
    }

    /// Notes which inputs are to be refused. Each attempt brings new ones, or there would be no end of attempts.
    fn refuse(&self, refused: &mut Refused, more: Refused) -> Result<(), RunError> {
        if let Some((correlation, _)) = more.keys().find(|one| refused.contains_key(one)) {
            let correlation = correlation.clone();
            return Err(RunError::SaidInOtherWords { agent: self.agent(), correlation });
        }
        refused.extend(more);
        Ok(())
    }

    /// One transaction, from BEGIN to COMMIT.
    async fn attempt(
        &self,
        mut inputs: Inputs<'_>,
        fence: &Fence<'_>,
        refused: &Refused,
    ) -> Result<Attempt, Failed> {
        let mut transaction = match inputs.is_empty() {
            // Where the checkpoints are between two inputs can be found out again.
            true => begin_unhurried(&self.pool, &self.keeper).await?,
            false => begin(&self.pool, &self.keeper).await?,
        };
        if switch::hold(&mut transaction, self.agent()).await? {
            transaction.rollback().await?;
            return Ok(Attempt::Stopped);
        }
        point("saga.begun");
        let moved = self.hold(&mut transaction, fence).await?;
        point("saga.checkpoint_moved");
        if moved.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Committed(Done::default()));
        }
        inputs.keep_only(&moved);
        let in_turn = matches!(fence, Fence::Moves(_));
        let reactions = self.react(&mut transaction, &inputs, refused).await?;
        point("saga.reacted");
        if !reactions.changed.is_empty() {
            self.save(&mut transaction, &reactions, in_turn).await?;
        }
        if in_turn {
            note_passed(&mut transaction, &reactions.early).await?;
        }
        point("saga.saved");
        if planted(Bug::SavedBeforeOutbox) {
            transaction.commit().await?;
            transaction = begin(&self.pool, &self.keeper).await?;
        }
        let Told { conflicts, mut queued, handover } =
            self.tell(&mut transaction, &inputs.unrouted, &reactions).await?;
        queued.extend(&reactions.queued);
        if !conflicts.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Conflicts(conflicts));
        }
        point("saga.enqueued");
        let done = Done {
            moved,
            taken: reactions.taken.len(),
            events: reactions.events.len(),
            repeats: reactions.repeats,
            parked: reactions.parked,
            over_budget: reactions.over_budget,
            unrouted: inputs.unrouted.len(),
            queued,
        };
        let committed = match handover {
            Some(handover) => handover.commit(transaction).await,
            None => transaction.commit().await,
        };
        match committed {
            Ok(()) => Ok(Attempt::Committed(done)),
            Err(error) if outcome_is_unknown(&error) => Ok(Attempt::Unknown(done, error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Locks the checkpoints of those partitions that are still ours, and moves them if they are to be moved.
    async fn hold(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        fence: &Fence<'_>,
    ) -> Result<BTreeSet<Place>, sqlx::Error> {
        let stands = match fence {
            Fence::Moves(moves) => return move_on(transaction, &self.keeper, moves).await,
            Fence::Stands(stands) => stands,
        };
        let mut ours = BTreeSet::new();
        for (place, found) in *stands {
            if lock_own(transaction, &self.keeper, place, *found).await? {
                ours.insert(place.clone());
            }
        }
        Ok(ours)
    }

    /// Takes urgent inputs before their turn, in a transaction that is fenced by the checkpoints of their partitions and moves
    /// none. Once only and without waiting for anything: whatever stands in the way, their turn comes in the order of the log,
    /// where the inbox knows what was taken here. So an answer to COMMIT that is lost needs no looking for either: the next
    /// batch waits for the locks of this transaction.
    ///
    /// # Errors
    /// [`Halt`] when the agent cannot go on.
    pub(crate) async fn apply_urgent(&mut self, inputs: Inputs<'_>) -> Result<(), Halt> {
        let places = inputs.by_correlation.values().flatten();
        let places = places.map(|one| (one.event.topic.clone(), one.event.partition));
        let running = |place: &Place| self.held.get(place).filter(|held| held.state == State::Running);
        let stands: BTreeMap<Place, Found> =
            places.filter_map(|place| running(&place).map(Held::found).map(|found| (place, found))).collect();
        if stands.is_empty() || !self.has_room().await {
            return Ok(());
        }
        let agent = self.agent();
        match self.attempt(inputs, &Fence::Stands(&stands), &Refused::default()).await {
            Ok(Attempt::Committed(done)) => {
                counter!(names::URGENT_TOTAL, "agent" => agent).increment(done.taken as u64);
                self.count(&done);
            }
            Ok(Attempt::Unknown(_, error)) | Err(Failed::Database(error)) => {
                tracing::warn!(agent.name = agent, error = %error, "urgent inputs wait for their turn");
            }
            Ok(Attempt::Conflicts(_) | Attempt::Stopped) => {}
            Err(Failed::Append(error)) => {
                tracing::warn!(agent.name = agent, error = %error, "urgent inputs wait for their turn");
            }
            Err(Failed::Fault(fault)) => return Err(fault.into()),
        }
        Ok(())
    }

    /// Locks the instances that the batch concerns, and lets them react.
    async fn react(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        inputs: &Inputs<'_>,
        refused: &Refused,
    ) -> Result<Reactions, Failed> {
        if inputs.by_correlation.is_empty() {
            return Ok(Reactions::default());
        }
        let newest = self.cast.newest();
        let may_begin =
            inputs.by_correlation.iter().filter(|(_, all)| all.iter().any(|one| one.may_begin(newest)));
        let beginning = may_begin.map(|(correlation, _)| correlation.as_str()).collect();
        let correlations: Vec<&str> = inputs.by_correlation.keys().map(String::as_str).collect();
        let decided = inputs.by_correlation.iter().filter(|(_, all)| all.iter().any(Sorted::is_own));
        let decided_about = decided.map(|(correlation, _)| correlation.as_str()).collect();
        let locked = lock(transaction, self.agent(), &correlations, &beginning, &decided_about).await;
        let Locked { instances, places } = locked.map_err(|error| self.of_store(error))?;
        point("saga.locked");
        let names = inputs.by_correlation.iter().flat_map(|(correlation, all)| {
            all.iter().map(move |one| {
                let envelope = &one.event.envelope;
                inbox_name(self.agent(), correlation, envelope.source(), envelope.id())
            })
        });
        let known = taken_before(transaction, &names.collect::<Vec<_>>()).await?;
        let limits = self.cast.limits();
        let spent = budget::hold(transaction, self.agent(), &limits).await?;
        let purse = spent.map_or_else(Purse::default, |spent| Purse::left(&limits, spent.price));
        let Known { all, early } = known;
        let reactions = react(&self.cast, inputs, instances, all, refused, purse);
        let mut reactions = reactions.map_err(|refusal| self.row(refusal))?;
        reactions.early = early;
        if let Some(spent) = spent {
            reactions.until = Some(spent.until);
            reactions.queued = self.spend(transaction, &spent, &reactions).await?;
        }
        let began = |place: &String| reactions.changed.iter().any(|(_, one)| one.correlation == *place);
        let empty: Vec<String> = places.into_iter().filter(|place| !began(place)).collect();
        if !empty.is_empty() {
            leave_places(transaction, self.agent(), &empty).await?;
        }
        Ok(reactions)
    }

    async fn save(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        reactions: &Reactions,
        in_turn: bool,
    ) -> Result<(), Failed> {
        let saved = save(transaction, self.agent(), &reactions.changed, reactions.until).await;
        saved.map_err(|error| self.of_store(error))?;
        note_taken(transaction, self.agent(), &reactions.taken, in_turn).await?;
        Ok(())
    }

    /// Whether the outbox takes more. When that cannot be told, the attempt itself will tell.
    async fn has_room(&mut self) -> bool {
        if self.had_room_at.is_some_and(|at| at.elapsed() < FULL_IS_GOOD_FOR) {
            return true;
        }
        let has_room = self.outbox.has_room().await.unwrap_or(true);
        self.had_room_at = has_room.then(Instant::now);
        has_room
    }

    fn committed(&mut self, moves: &BTreeMap<Place, Move>, done: &Done) {
        point("saga.committed");
        let agent = self.agent();
        for (place, one) in moves {
            let Some(held) = self.held.get_mut(place) else { continue };
            if done.moved.contains(place) {
                held.moved(one);
            } else {
                tracing::warn!(agent.name = agent, event.topic = %place.0, event.partition = place.1.get(), "another process has taken a partition over");
                held.state = State::TakenOver;
            }
        }
        self.count(done);
    }

    /// Wakes the relay, and counts what a committed transaction has done.
    fn count(&self, done: &Done) {
        self.outbox.wake_for(done.queued.iter().copied());
        let agent = self.agent();
        counter!(names::INPUTS_TOTAL, "agent" => agent).increment(done.taken as u64);
        counter!(names::EVENTS_TOTAL, "agent" => agent).increment(done.events as u64);
        counter!(names::REPEATS_TOTAL, "agent" => agent).increment(done.repeats);
        counter!(names::PARKED_TOTAL, "agent" => agent).increment(done.parked);
        counter!(names::OVER_BUDGET_TOTAL, "agent" => agent).increment(done.over_budget);
        counter!(names::UNROUTED_TOTAL, "agent" => agent).increment(done.unrouted as u64);
        if done.parked + done.unrouted as u64 > 0 {
            tracing::error!(
                agent.name = agent,
                parked = done.parked,
                unrouted = done.unrouted,
                "sagas were parked, or records are nobody's; people must look"
            );
        }
    }

    /// Finds out whether a COMMIT without an answer was done: true if it was.
    async fn settle(
        &self,
        moves: &BTreeMap<Place, Move>,
        moved: &BTreeSet<Place>,
        error: sqlx::Error,
        shutdown: &CancellationToken,
    ) -> Result<bool, Halt> {
        counter!(names::UNKNOWN_COMMITS_TOTAL, "agent" => self.agent()).increment(1);
        tracing::warn!(agent.name = self.agent(), error = %error, "a commit gave no answer; reading the checkpoints");
        let mut backoff = Backoff::for_database();
        let found = loop {
            match read_locked(&self.pool, &self.keeper, moved).await {
                Ok(found) => break found,
                Err(error) => self.wait_after(error, &mut backoff, shutdown).await?,
            }
        };
        let fates =
            moved.iter().filter_map(|place| Some(fate(moves.get(place)?.claim, found.get(place).copied())));
        match fate_of_all(fates) {
            Some(Fate::Committed) => Ok(true),
            Some(Fate::Lost | Fate::TakenOver) => Ok(false),
            Some(Fate::Impossible) | None => {
                Err(RunError::ImpossibleCheckpoint { agent: self.agent() }.into())
            }
        }
    }

    /// Waits until nobody stops this agent any more.
    async fn wait_until_started(
        &self,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        tracing::warn!(agent.name = self.agent(), "stopped: nothing is reacted to until somebody starts it");
        loop {
            match switch::is_stopped(&self.pool, self.agent()).await {
                Ok(false) => break,
                Ok(true) => tokio::select! {
                    () = tokio::time::sleep(STOPPED_LOOK) => {}
                    () = shutdown.cancelled() => return Err(Halt::ShutDown),
                },
                Err(error) => self.wait_after(error, backoff, shutdown).await?,
            }
        }
        tracing::info!(agent.name = self.agent(), "started again");
        Ok(())
    }

    /// Waits after an error of the database, if the same may then succeed.
    pub(crate) async fn wait_after(
        &self,
        error: sqlx::Error,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        match remedy(&error) {
            Remedy::Retry => self.wait(backoff, &error.to_string(), shutdown).await,
            Remedy::FixFold | Remedy::FixInstallation => {
                Err(RunError::Database { agent: self.agent(), source: error }.into())
            }
        }
    }

    async fn wait(&self, backoff: &mut Backoff, why: &str, shutdown: &CancellationToken) -> Result<(), Halt> {
        counter!(names::RETRIES_TOTAL, "agent" => self.agent()).increment(1);
        let pause = backoff.pause();
        tracing::warn!(agent.name = self.agent(), reason = why, pause_ms = pause.as_millis(), "trying again");
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = shutdown.cancelled() => Err(Halt::ShutDown),
        }
    }
}
