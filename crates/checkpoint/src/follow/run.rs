//! The life of the follower in one process: partitions come and go, batches are applied, and when the log's reader failed it
//! begins anew.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brainops_event::error_chain;
use brainops_log::{Assignment, Batch, Cluster, Follower, FollowerConfig, ReadError, Registry, Signal};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::apply::Applier;
use super::error::{FollowError, Halt};
use super::{Followed, Rows};
use crate::backoff::Backoff;
use crate::checkpoint::{Asked, Checkpoint, Place};
use crate::held::{State, enter};
use crate::keeper::Keeper;
use crate::takeover::take_over;

/// How long leaving the group may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
/// How long the batch in flight may go on after shutdown was asked for.
const DRAIN_LIMIT: Duration = Duration::from_secs(7);
/// How long a partition may stay with us in the group but with somebody else in the database, before we begin anew.
const TAKEN_OVER_LIMIT: Duration = Duration::from_secs(5);

/// How much is taken at once.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// How many records a batch has at most. Default: 2,000.
    pub max_records: usize,
    /// How many bytes a batch has at most. Default: 4 MiB.
    pub max_bytes: usize,
    /// How long a batch gathers after its first record while more is known to be there. Default: 20 ms.
    pub max_wait: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self { max_records: 2_000, max_bytes: 4 * 1024 * 1024, max_wait: Duration::from_millis(20) }
    }
}

/// Where a topic is followed.
#[derive(Debug, Clone)]
pub struct FollowStage {
    /// Postgres.
    pub pool: PgPool,
    /// Kafka.
    pub cluster: Cluster,
    /// The registry.
    pub registry: Registry,
}

/// Follows a topic until shutdown is asked for, and makes rows of it: `rows` is asked for them once a session. The batch in flight is
/// then finished, within ten seconds. Any number of processes may do it.
///
/// # Errors
/// [`FollowError`] when a person is needed; what can pass is waited for and tried again.
pub async fn follow<R: Rows>(
    followed: Followed,
    rows: impl Fn() -> R + Send,
    stage: FollowStage,
    options: FollowOptions,
    shutdown: CancellationToken,
) -> Result<(), FollowError> {
    let what = followed.what;
    let topic = stage.cluster.topic(followed.topic).map_err(|source| FollowError::Topic { what, source })?;
    let FollowOptions { max_records, max_bytes, max_wait } = options;
    let config = FollowerConfig {
        max_records,
        max_bytes,
        max_wait,
        ..FollowerConfig::new(followed.group.to_owned(), vec![topic])
    };
    let anew = || Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    let mut backoff = anew();
    loop {
        let began = Instant::now();
        let reason = match session(followed, rows(), &stage, &config, &shutdown).await {
            Err(Halt::ShutDown) => return Ok(()),
            Err(Halt::Fault(fault)) => return Err(fault),
            Err(Halt::Read(error @ ReadError::Refused { .. })) => {
                return Err(FollowError::Read { what, source: Box::new(error) });
            }
            Err(Halt::Read(error)) => error_chain(&error).to_string(),
            Ok(()) => "partitions were taken over by a process that does not keep them".to_owned(),
        };
        if began.elapsed() > Duration::from_secs(60) {
            backoff = anew();
        }
        let pause = backoff.pause();
        tracing::warn!(reason, pause_ms = pause.as_millis(), followed = what, "following anew");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

/// The life of one follower; ends without a halt when others have taken over what the group leaves with it.
async fn session<R: Rows>(
    followed: Followed,
    rows: R,
    stage: &FollowStage,
    config: &FollowerConfig,
    shutdown: &CancellationToken,
) -> Result<(), Halt> {
    let follower = tokio::select! {
        follower = Follower::start(&stage.cluster, &stage.registry, config.clone()) => follower.map_err(Halt::Read)?,
        () = shutdown.cancelled() => return Err(Halt::ShutDown),
    };
    let applier = Applier {
        what: followed.what,
        rows,
        pool: stage.pool.clone(),
        keeper: Keeper::of_table(followed.what, followed.checkpoints),
        held: BTreeMap::new(),
        shutdown: shutdown.clone(),
    };
    let mut session = Session { applier, follower, taken_over_at: None };
    let ended = session.live().await;
    if tokio::time::timeout(LEAVE_LIMIT, session.follower.stop()).await.is_err() {
        tracing::warn!(
            followed = followed.what,
            "leaving the group takes long; it is told when the session times out"
        );
    }
    ended
}

struct Session<R: Rows> {
    applier: Applier<R>,
    follower: Follower,
    /// Since when a partition is ours in the group and somebody else's in the database.
    taken_over_at: Option<Instant>,
}

impl<R: Rows> Session<R> {
    async fn live(&mut self) -> Result<(), Halt> {
        let shutdown = self.applier.shutdown.clone();
        while !self.is_robbed() {
            let signal = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Err(Halt::ShutDown),
                signal = self.follower.next() => signal,
            };
            match signal {
                Signal::Assigned(assignment) => self.assigned(assignment).await?,
                Signal::Revoked(places) => self.applier.held.retain(|place, _| !places.contains(place)),
                Signal::Batch(batch) => self.apply(&batch).await?,
                Signal::Idle(_) => {}
                Signal::Failed(error) => return Err(Halt::Read(error)),
            }
        }
        Ok(())
    }

    /// Takes the partitions over in the database, and goes on where it says.
    async fn assigned(&mut self, assignment: Assignment) -> Result<(), Halt> {
        let asked = assignment.partitions().iter().map(|one| Asked {
            place: (one.topic.clone(), one.partition),
            topic_id: one.topic_id.clone(),
            log_start: one.low,
        });
        let mut checkpoints = self.take_over(&asked.collect::<Vec<_>>()).await?;
        let mut starts = Vec::new();
        for assigned in assignment.partitions() {
            let place = (assigned.topic.clone(), assigned.partition);
            let Some(checkpoint) = checkpoints.remove(&place) else { continue }; // each was asked for
            let (held, start) = enter(assigned, &checkpoint);
            if let State::Stopped(reason) = &held.state {
                tracing::error!(event.topic = %place.0, event.partition = place.1.get(), reason, followed = self.applier.what, "a partition cannot be gone on with");
            }
            self.applier.held.insert(place.clone(), held);
            starts.push((place.0, place.1, start));
        }
        tracing::info!(partitions = starts.len(), followed = self.applier.what, "took partitions over");
        assignment.start(starts);
        Ok(())
    }

    async fn take_over(&self, asked: &[Asked]) -> Result<BTreeMap<Place, Checkpoint>, Halt> {
        let Applier { pool, keeper, what, .. } = &self.applier;
        let tell =
            |blockers| tracing::warn!(?blockers, followed = what, "somebody is in the way of a takeover");
        self.applier.until_answered(|| take_over(pool, keeper, asked, tell)).await
    }

    /// Applies a batch; after shutdown was asked for, it gets a little longer.
    async fn apply(&mut self, batch: &Batch) -> Result<(), Halt> {
        let (shutdown, what) = (self.applier.shutdown.clone(), self.applier.what);
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        tokio::select! {
            biased;
            applied = self.applier.apply(batch) => applied,
            () = drained => Err(FollowError::DrainTimedOut { what, limit_s: DRAIN_LIMIT.as_secs() }.into()),
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
