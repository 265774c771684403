//! The life of one follower: partitions come and go, batches are applied, signals answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use brainops_log::{Assignment, Batch, Follower, ReadError, Signal};
use chrono::Utc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ahead::{FoldedAhead, Guess, start};
use crate::apply::Applier;
use crate::backoff::Backoff;
use crate::beat::learn;
use crate::checkpoint::{Asked, Checkpoint, Place};
use crate::entry::enter;
use crate::halt::{Halt, pause_after};
use crate::held::{Board, State};
use crate::model::ReadModel;
use crate::park::parked_sets;
use crate::pause::{Pause, pause_that_holds};
use crate::run_error::RunError;
use crate::sort::ParkedSets;
use crate::sqlstate::{Remedy, remedy};
use crate::standing::stop_of;
use crate::takeover::take_over;

/// How long the batch in flight may go on after shutdown was asked for. With what follows, a process ends within ten
/// seconds.
const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// How often it is looked whether decisions wait or a pause holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a partition may stay with us in the group but with somebody else in the database, before we begin anew.
const TAKEN_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Why a session ended without an error.
pub(crate) enum Ended {
    /// Shutdown was asked for.
    ShutDown,
    /// For this reason, another one is to begin.
    Anew(String),
}

/// What ended a session.
pub(crate) enum SessionEnd {
    Halt(Halt),
    Read(ReadError),
}

impl From<Halt> for SessionEnd {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

pub(crate) struct Session<M> {
    applier: Applier<M>,
    board: Board,
    shutdown: CancellationToken,
    pub(crate) follower: Follower,
    /// Partitions that stand, of which the follower was told to take no more.
    on_hold: BTreeSet<Place>,
    /// Since when a partition is ours in the group and somebody else's in the database.
    taken_over_at: Option<Instant>,
    looked_at: Instant,
    /// What the follower said while a batch was applied.
    next: Option<Next>,
    /// Whether it is worth a try to fold a batch before its turn.
    folds_ahead: bool,
}

/// What comes after the batch that is applied.
enum Next {
    Batch(Arc<Batch>, Option<JoinHandle<Guess>>),
    Other(Signal),
}

impl<M: ReadModel> Session<M> {
    pub(crate) fn new(applier: Applier<M>, follower: Follower, shutdown: CancellationToken) -> Self {
        let board = applier.board.clone();
        let (on_hold, taken_over_at, looked_at) = (BTreeSet::new(), None, Instant::now());
        let (next, folds_ahead) = (None, true);
        Self { applier, board, shutdown, follower, on_hold, taken_over_at, looked_at, next, folds_ahead }
    }

    pub(crate) async fn follow(&mut self) -> Result<Ended, SessionEnd> {
        let shutdown = self.shutdown.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(Ended::ShutDown),
                next = self.next() => next,
            };
            match next {
                Next::Batch(batch, guess) => self.apply(&batch, guess).await?,
                Next::Other(signal) => self.heed(signal).await?,
            }
            if self.look().await? {
                return Ok(Ended::Anew("the pause has ended".into()));
            }
            self.hold_stopped();
            if self.is_robbed() {
                return Ok(Ended::Anew(
                    "partitions were taken over by an instance that does not keep them".into(),
                ));
            }
        }
    }

    /// What comes next: what was said while a batch was applied, or else what is said now.
    async fn next(&mut self) -> Next {
        match self.next.take() {
            Some(next) => next,
            None => match self.follower.next().await {
                Signal::Batch(batch) => Next::Batch(Arc::new(batch), None),
                other => Next::Other(other),
            },
        }
    }

    async fn heed(&mut self, signal: Signal) -> Result<(), SessionEnd> {
        match signal {
            Signal::Assigned(assignment) => self.assigned(assignment).await?,
            Signal::Revoked(places) => self.revoked(&places),
            Signal::Batch(batch) => self.apply(&Arc::new(batch), None).await?,
            Signal::Idle(lags) => learn(&self.board, &lags, Utc::now()),
            Signal::Failed(error) => return Err(SessionEnd::Read(error)),
        }
        Ok(())
    }

    /// Takes the partitions over in the database, and goes on where it says.
    async fn assigned(&mut self, assignment: Assignment) -> Result<(), Halt> {
        let asked: Vec<Asked> = assignment
            .partitions()
            .iter()
            .map(|one| Asked {
                place: (one.topic.clone(), one.partition),
                topic_id: one.topic_id.clone(),
                log_start: one.low,
            })
            .collect();
        let (mut checkpoints, parked, pause) = self.take_over(&asked).await?;
        let generation = self.applier.generation.clone();
        self.applier.parked.extend(parked);
        let (now, mut starts) = (Utc::now(), Vec::new());
        for assigned in assignment.partitions() {
            let place = (assigned.topic.clone(), assigned.partition);
            let Some(checkpoint) = checkpoints.remove(&place) else { continue }; // each was asked for
            let (mut held, mut start) = enter(assigned, &checkpoint, now);
            if let (State::Running, Some(pause)) = (&held.state, &pause)
                && self.applier.stands_in_a_pause(&place.0)
            {
                (held.state, start) = (State::Stopped(stop_of(pause)), assigned.end);
            }
            if let State::Stopped(stop) = &held.state {
                tracing::error!(projector.name = %generation.read_model, event.topic = %place.0, event.partition = place.1.get(), reason_class = stop.class.as_str(), reason = %stop.reason, "a partition cannot be gone on with");
            }
            self.on_hold.remove(&place);
            self.board.lock().insert(place.clone(), held);
            starts.push((place.0, place.1, start));
        }
        tracing::info!(projector.name = %generation.read_model, partitions = starts.len(), "took partitions over");
        assignment.start(starts);
        self.applier.look_for_decisions = true;
        Ok(())
    }

    /// Raises epochs, and reads what else there is to know before going on.
    async fn take_over(
        &self,
        asked: &[Asked],
    ) -> Result<(BTreeMap<Place, Checkpoint>, ParkedSets, Option<Pause>), Halt> {
        let (pool, generation) = (&self.applier.pool, &self.applier.generation);
        let mut backoff = Backoff::for_database();
        loop {
            let taken = async {
                let checkpoints = take_over(pool, generation, asked).await?;
                let parked = parked_sets(pool, generation, asked.iter().map(|one| &one.place)).await?;
                Ok((checkpoints, parked, pause_that_holds(pool, generation).await?))
            };
            match taken.await {
                Ok(taken) => return Ok(taken),
                Err(error) => {
                    pause_after(&generation.read_model, error, &mut backoff, &self.shutdown).await?;
                }
            }
        }
    }

    /// Looks now and then, and when there is reason to, whether a pause holds and whether decisions wait; true when a
    /// pause has ended.
    async fn look(&mut self) -> Result<bool, Halt> {
        if self.looked_at.elapsed() < LOOK_INTERVAL && !self.applier.look_for_decisions {
            return Ok(false);
        }
        self.looked_at = Instant::now();
        self.applier.look_for_decisions = false;
        match self.applier.look_for_a_pause().await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) if remedy(&error) == Remedy::Retry => return Ok(false), // the next look comes soon
            Err(source) => {
                let read_model = self.applier.generation.read_model.clone();
                return Err(RunError::Database { read_model, source }.into());
            }
        }
        self.applier.carry_out(&self.shutdown).await?;
        Ok(false)
    }

    fn revoked(&mut self, places: &[Place]) {
        let mut held = self.board.lock();
        for place in places {
            held.remove(place);
            self.on_hold.remove(place);
            self.applier.parked.remove(place);
        }
        tracing::info!(projector.name = %self.applier.generation.read_model, partitions = places.len(), "gave partitions up");
    }

    /// Applies a batch; after shutdown was asked for, it gets a little longer. Meanwhile the next one is taken and, if
    /// the read model allows it, folded.
    async fn apply(&mut self, batch: &Batch, guess: Option<JoinHandle<Guess>>) -> Result<(), Halt> {
        let ahead = self.outcome_of(guess).await;
        let Self { applier, shutdown, follower, next, folds_ahead, .. } = self;
        let (model, scope) = (Arc::clone(&applier.model), applier.scope.clone());
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        let read_model = applier.generation.read_model.clone();
        let applying = applier.apply(batch, ahead, shutdown);
        tokio::pin!(drained, applying);
        loop {
            tokio::select! {
                biased;
                applied = &mut applying => return applied,
                () = &mut drained => {
                    let limit_s = DRAIN_LIMIT.as_secs();
                    return Err(Halt::Fault(RunError::DrainTimedOut { read_model, limit_s }));
                }
                signal = follower.next(), if next.is_none() => *next = Some(match signal {
                    Signal::Batch(batch) => {
                        let batch = Arc::new(batch);
                        let guess = folds_ahead.then(|| start(&model, &scope, &batch));
                        Next::Batch(batch, guess)
                    }
                    other => Next::Other(other),
                }),
            }
        }
    }

    /// What was folded ahead; nothing when the guess was not made, or made in vain.
    async fn outcome_of(&mut self, guess: Option<JoinHandle<Guess>>) -> Option<FoldedAhead> {
        match guess?.await {
            Ok(Guess::Folded(ahead)) => Some(ahead),
            Ok(Guess::NotThisOne) => None,
            Ok(Guess::ReadsRows) => {
                self.folds_ahead = false;
                None
            }
            Err(error) => {
                tracing::error!(%error, "folding ahead has failed; the batch is folded in its turn");
                None
            }
        }
    }

    /// Tells the follower which partitions stand, so that it need not read them for nothing.
    fn hold_stopped(&mut self) {
        for (place, held) in self.board.lock().iter() {
            if !held.is_running() && self.on_hold.insert(place.clone()) {
                self.follower.hold(&place.0, place.1);
            }
        }
    }

    /// Whether partitions that the group leaves with us have been somebody else's for too long. Usually the group
    /// takes them from us a moment later; but an instance that was slow to hear of its own loss may have taken over
    /// what was ours and then given it up.
    fn is_robbed(&mut self) -> bool {
        let robbed = self.board.lock().values().any(|held| held.state == State::TakenOver);
        if !robbed {
            self.taken_over_at = None;
            return false;
        }
        self.taken_over_at.get_or_insert_with(Instant::now).elapsed() > TAKEN_OVER_LIMIT
    }
}
