//! The life of one follower: partitions come and go, batches are applied.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use brainops_checkpoint::backoff::Backoff;
use brainops_checkpoint::{Asked, Blocker, Checkpoint, Place, State, enter, take_over};
use brainops_fault::point;
use brainops_log::{Assignment, Batch, Follower, Item, ReadError, Signal, Span};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ahead::{Ahead, MOST, names_of, urgent};
use super::apply::Applier;
use super::error::{Halt, RunError};
use super::put_off::PutOff;
use super::sort::{Inputs, sort};

/// How long the batch in flight may go on after shutdown was asked for. With what follows, a process ends within ten
/// seconds.
const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// How long a partition may stay with us in the group but with somebody else in the database, before we begin anew.
const TAKEN_OVER_LIMIT: Duration = Duration::from_secs(5);

/// How long more is waited for while it is known to be there: what lies ready comes at once.
const READ_AHEAD: Duration = Duration::from_millis(100);

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
    /// How many records and bytes a batch has at most.
    most: (usize, usize),
    /// What only moves checkpoints, and waits for company.
    put_off: PutOff,
    /// Since when a partition is ours in the group and somebody else's in the database.
    taken_over_at: Option<Instant>,
}

impl Session {
    pub(crate) fn new(
        applier: Applier,
        follower: Follower,
        most: (usize, usize),
        shutdown: CancellationToken,
    ) -> Self {
        Self { applier, follower, shutdown, most, put_off: PutOff::default(), taken_over_at: None }
    }

    pub(crate) async fn follow(&mut self) -> Result<Ended, SessionEnd> {
        let shutdown = self.shutdown.clone();
        loop {
            let due = self.put_off.due();
            let is_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            let signal = tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    self.catch_up().await?;
                    return Ok(Ended::ShutDown);
                }
                () = is_due => {
                    self.catch_up().await?;
                    continue;
                }
                signal = self.follower.next() => signal,
            };
            if let Some(ended) = self.heed(signal).await? {
                return Ok(ended);
            }
        }
    }

    /// Does what a signal asks for, and whatever was read ahead meanwhile.
    async fn heed(&mut self, signal: Signal) -> Result<Option<Ended>, SessionEnd> {
        let mut next = Some(signal);
        while let Some(signal) = next.take() {
            match signal {
                Signal::Assigned(assignment) => {
                    self.catch_up().await?;
                    self.assigned(assignment).await?;
                }
                Signal::Revoked(places) => {
                    self.catch_up().await?;
                    self.revoked(&places);
                }
                Signal::Batch(batch) => {
                    let mut is_behind = self.is_full(&batch);
                    let mut ahead = Ahead::default();
                    ahead.push(batch);
                    while ahead.len() > 0 {
                        // What is no batch waits until all that came before it is applied.
                        while is_behind && next.is_none() && ahead.len() < MOST {
                            match tokio::time::timeout(READ_AHEAD, self.follower.next()).await {
                                Ok(Signal::Batch(batch)) => {
                                    is_behind = self.is_full(&batch);
                                    ahead.push(batch);
                                }
                                Ok(Signal::Idle(_)) | Err(_) => is_behind = false,
                                Ok(signal) => next = Some(signal),
                            }
                        }
                        self.apply_urgent(&mut ahead).await?;
                        let Some(batch) = ahead.pop() else { break };
                        self.apply(&batch).await?;
                        if let Some(ended) = self.ended() {
                            return Ok(Some(ended));
                        }
                    }
                }
                Signal::Idle(_) => {}
                Signal::Failed(error) => return Err(SessionEnd::Read(error)),
            }
            if let Some(ended) = self.ended() {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// Whether more is likely to lie behind a batch: it has as many records, or half of the bytes, that it may have.
    fn is_full(&self, batch: &Batch) -> bool {
        let (records, bytes) = self.most;
        batch.len() >= records || batch.bytes() >= bytes / 2
    }

    /// Whether the session is over.
    fn ended(&mut self) -> Option<Ended> {
        if self.shutdown.is_cancelled() {
            return Some(Ended::ShutDown);
        }
        let reason = "partitions were taken over by a process that does not keep them";
        self.is_robbed().then(|| Ended::Anew(reason.to_owned()))
    }

    /// Takes the urgent inputs of what was read ahead, as far as they may be taken.
    async fn apply_urgent(&mut self, ahead: &mut Ahead) -> Result<(), Halt> {
        let batches = ahead.items();
        let inputs = urgent(&self.applier.cast, &batches, ahead.passed());
        if inputs.by_correlation.is_empty() {
            return Ok(());
        }
        let names: Vec<Uuid> = names_of(&self.applier.cast, &inputs).collect();
        let Self { applier, shutdown, .. } = self;
        let agent = applier.cast.name();
        within_drain(agent, shutdown, applier.apply_urgent(inputs)).await?;
        drop(batches);
        ahead.pass(names);
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

    /// Applies a batch, or puts it off when it concerns nobody.
    async fn apply(&mut self, batch: &Batch) -> Result<(), Halt> {
        if !self.put_off.goes_on_with(batch.spans()) {
            self.catch_up().await?; // something is read again: what is right, the checkpoints say
        }
        let items: Vec<Item<'_>> = batch.items().collect();
        let sorted = sort(&self.applier.cast, &items);
        if sorted.is_empty() {
            self.put_off.add(batch.spans());
            return if self.put_off.due() <= Some(Instant::now()) { self.catch_up().await } else { Ok(()) };
        }
        let spans = self.put_off.take_with(batch.spans());
        self.take(&items, &spans, sorted).await
    }

    /// Moves the checkpoints past what was put off.
    async fn catch_up(&mut self) -> Result<(), Halt> {
        let spans = self.put_off.take_with(&[]);
        if spans.is_empty() { Ok(()) } else { self.take(&[], &spans, Inputs::default()).await }
    }

    /// Takes what stands in these spans; after shutdown was asked for, it gets a little longer.
    async fn take(&mut self, items: &[Item<'_>], spans: &[Span], sorted: Inputs<'_>) -> Result<(), Halt> {
        let Self { applier, shutdown, .. } = self;
        let agent = applier.cast.name();
        within_drain(agent, shutdown, applier.apply(items, spans, sorted, shutdown)).await
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

/// What is under way, which gets a little longer once shutdown is asked for.
async fn within_drain(
    agent: &'static str,
    shutdown: &CancellationToken,
    work: impl Future<Output = Result<(), Halt>>,
) -> Result<(), Halt> {
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        biased;
        done = work => done,
        () = drained => Err(RunError::DrainTimedOut { agent, limit_s: DRAIN_LIMIT.as_secs() }.into()),
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
