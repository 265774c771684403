//! The life of one follower: partitions come and go, batches are applied.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brainops_checkpoint::backoff::Backoff;
use brainops_checkpoint::{Asked, Blocker, Checkpoint, Place, State, enter, take_over};
use brainops_fault::point;
use brainops_log::{Assignment, Batch, Follower, ReadError, Signal};
use tokio_util::sync::CancellationToken;

use super::apply::Applier;
use super::error::{Halt, RunError};

/// How long the batch in flight may go on after shutdown was asked for. With what follows, a process ends within ten
/// seconds.
const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// How long a partition may stay with us in the group but with somebody else in the database, before we begin anew.
const TAKEN_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Why a session ended without a fault.
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

pub(crate) struct Session {
    applier: Applier,
    pub(crate) follower: Follower,
    shutdown: CancellationToken,
    /// Since when a partition is ours in the group and somebody else's in the database.
    taken_over_at: Option<Instant>,
}

impl Session {
    pub(crate) const fn new(applier: Applier, follower: Follower, shutdown: CancellationToken) -> Self {
        Self { applier, follower, shutdown, taken_over_at: None }
    }

    pub(crate) async fn follow(&mut self) -> Result<Ended, SessionEnd> {
        let shutdown = self.shutdown.clone();
        loop {
            let signal = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(Ended::ShutDown),
                signal = self.follower.next() => signal,
            };
            match signal {
                Signal::Assigned(assignment) => self.assigned(assignment).await?,
                Signal::Revoked(places) => self.revoked(&places),
                Signal::Batch(batch) => self.apply(&batch).await?,
                Signal::Idle(_) => {}
                Signal::Failed(error) => return Err(SessionEnd::Read(error)),
            }
            if self.is_robbed() {
                let reason = "partitions were taken over by a process that does not keep them";
                return Ok(Ended::Anew(reason.to_owned()));
            }
        }
    }

    /// Takes the partitions over in the database, and goes on where it says.
    async fn assigned(&mut self, assignment: Assignment) -> Result<(), Halt> {
        let asked = assignment.partitions().iter().map(|one| Asked {
            place: (one.topic.clone(), one.partition),
            topic_id: one.topic_id.clone(),
            log_start: one.low,
        });
        let mut checkpoints = self.take_over(&asked.collect::<Vec<_>>()).await?;
        let (agent, mut starts) = (self.applier.cast.name(), Vec::new());
        for assigned in assignment.partitions() {
            let place = (assigned.topic.clone(), assigned.partition);
            let Some(checkpoint) = checkpoints.remove(&place) else { continue }; // each was asked for
            let (held, start) = enter(assigned, &checkpoint);
            if let State::Stopped(reason) = &held.state {
                tracing::error!(agent.name = agent, event.topic = %place.0, event.partition = place.1.get(), reason, "a partition cannot be gone on with");
            }
            self.applier.held.insert(place.clone(), held);
            starts.push((place.0, place.1, start));
        }
        tracing::info!(agent.name = agent, partitions = starts.len(), "took partitions over");
        assignment.start(starts);
        Ok(())
    }

    async fn take_over(&self, asked: &[Asked]) -> Result<BTreeMap<Place, Checkpoint>, Halt> {
        let Applier { pool, keeper, cast, .. } = &self.applier;
        let mut backoff = Backoff::for_database();
        loop {
            match take_over(pool, keeper, asked, |blockers| tell(cast.name(), blockers)).await {
                Ok(checkpoints) => {
                    point("saga.taken_over");
                    return Ok(checkpoints);
                }
                Err(error) => self.applier.wait_after(error, &mut backoff, &self.shutdown).await?,
            }
        }
    }

    fn revoked(&mut self, places: &[Place]) {
        for place in places {
            self.applier.held.remove(place);
        }
        tracing::info!(
            agent.name = self.applier.cast.name(),
            partitions = places.len(),
            "gave partitions up"
        );
    }

    /// Applies a batch; after shutdown was asked for, it gets a little longer.
    async fn apply(&mut self, batch: &Batch) -> Result<(), Halt> {
        let Self { applier, shutdown, .. } = self;
        let agent = applier.cast.name();
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        tokio::select! {
            biased;
            applied = applier.apply(batch, shutdown) => applied,
            () = drained => Err(RunError::DrainTimedOut { agent, limit_s: DRAIN_LIMIT.as_secs() }.into()),
        }
    }

    /// Whether partitions that the group leaves with us have been somebody else's for too long.
    fn is_robbed(&mut self) -> bool {
        if !self.applier.held.values().any(|held| held.state == State::TakenOver) {
            self.taken_over_at = None;
            return false;
        }
        self.taken_over_at.get_or_insert_with(Instant::now).elapsed() > TAKEN_OVER_LIMIT
    }
}

/// Says who is in the way of a takeover.
fn tell(agent: &str, blockers: Result<Vec<Blocker>, sqlx::Error>) {
    match blockers {
        Err(error) => {
            tracing::warn!(agent.name = agent, error = %error, "it cannot be seen who is in the way of a takeover");
        }
        Ok(blockers) => {
            for Blocker { pid, application, ended, held_s, .. } in blockers {
                tracing::warn!(
                    agent.name = agent,
                    pid,
                    application,
                    ended,
                    held_s,
                    "somebody is in the way of a takeover"
                );
            }
        }
    }
}
