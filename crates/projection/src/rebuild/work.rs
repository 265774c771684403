//! A process that works on a rebuild: it takes partitions, keeps its leases, heeds what people ask, and ends the
//! rebuild when the last partition is done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brainops_event::Offset;
use brainops_log::{ReadOnlyCluster, ReadOptions, Registry};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::decided::Decided;
use super::error::{RebuildError, in_database};
use super::finish::finish;
use super::job::{Job, Unit, all_done, claim, free_expired, give_back, job, renew, set_rebuild_state};
use super::pace::Pace;
use super::progress::RebuildState;
use super::scratch::sweep;
use super::straight::{Straight, is_only_appended};
use super::unit::{Shared, Work, halted};
use crate::backoff::Backoff;
use crate::checkpoint::Place;
use crate::generation::Generation;
use crate::halt::pause_after;
use crate::model::ReadModel;
use crate::month::KnownMonths;
use crate::run::scope;

/// How often leases are renewed, and it is looked what people ask.
const BEAT: Duration = Duration::from_secs(1);
/// How often is looked whether others have finished.
const LOOK: Duration = Duration::from_millis(200);

/// Where and with what a process folds history. The log can be read with it, and nothing else.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// The database.
    pub pool: PgPool,
    /// The log, to be read.
    pub log: ReadOnlyCluster,
    /// Where schemas are.
    pub registry: Registry,
    /// The folder for what is set aside. It may be lost: then it is read from the log again.
    pub scratch: PathBuf,
    /// Names this process, as in `brainops.progress`.
    pub worker: String,
    /// How many partitions are worked on at a time.
    pub at_once: usize,
    /// How long the registry must go on saying that it has no such schema until a record is poison.
    pub unknown_schema_patience: Duration,
    /// In which pieces.
    pub pace: Pace,
}

impl Workshop {
    /// What is read of the log at once to be folded on by transactions.
    pub(crate) fn reading(&self) -> ReadOptions {
        ReadOptions { records: 20_000, bytes: 8 * 1024 * 1024, ..self.reading_in_passing() }
    }

    /// What is read at once to be folded in memory or set aside: batches that stay in the caches of a processor, for
    /// each record is looked at several times on its way.
    pub(crate) fn reading_in_passing(&self) -> ReadOptions {
        let unknown_schema_patience = self.unknown_schema_patience;
        ReadOptions { records: self.pace.records_at_once, bytes: 1024 * 1024, unknown_schema_patience }
    }
}

/// A partition that this process works on.
struct Held {
    unit: Unit,
    read_to: Arc<AtomicI64>,
    stop: CancellationToken,
}

/// What this process works on.
type Desk = Arc<Mutex<BTreeMap<Place, Held>>>;

/// Works on the rebuild of a generation until it is whole, alone or beside others; what others left is gone on with.
///
/// # Errors
/// [`RebuildError`]: it was paused or ended, the disk is full, the log is not what it was, the fold is at fault; or
/// shutdown was asked for. What is done is kept in every case.
pub async fn work_on_rebuild<M: ReadModel>(
    model: Arc<M>,
    shop: Workshop,
    generation: Generation,
    stop: CancellationToken,
) -> Result<(), RebuildError> {
    let ended = work_on(model, &shop, &generation, stop).await;
    sweep(&shop, &generation.read_model).await;
    ended
}

async fn work_on<M: ReadModel>(
    model: Arc<M>,
    shop: &Workshop,
    generation: &Generation,
    stop: CancellationToken,
) -> Result<(), RebuildError> {
    let Some(job) = known_job(shop, generation).await? else { return Ok(()) };
    let (shop, generation) = (shop.clone(), generation.clone());
    let scope = scope(&*model, &shop.log, &generation)?;
    let is_straight = is_only_appended::<M>() && job.happened_to.is_none();
    let decided = if job.has_base || is_straight {
        Decided::default() // they are folded as they come, like live
    } else {
        Decided::read(&shop, &scope, &job.goal).await?
    };
    let (happened_to, months) = (job.happened_to, tokio::sync::Mutex::new(KnownMonths::default()));
    let shared = Arc::new(Shared { model, shop, generation, scope, decided, happened_to, months });
    let (halt, desk) = (stop.child_token(), Desk::default());
    let patience = shared.shop.pace.lease;
    let working = Worker { shared: Arc::clone(&shared), desk: Arc::clone(&desk), halt: halt.clone() };
    let beating = beat(Arc::clone(&shared), desk, halt.clone());
    let ending = stop.child_token(); // ends what comes after the last partition
    let running = async {
        working.run().await?;
        finish(&shared, &job, &ending).await
    };
    tokio::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        asked = beating => {
            // What is under way ends in good order: partitions are given back, and nobody need wait for a lease.
            halt.cancel();
            ending.cancel();
            match tokio::time::timeout(patience, running).await {
                Ok(Ok(())) => Ok(()), // it was done already
                Ok(Err(_)) => Err(asked),
                Err(_) => {
                    tracing::warn!("what is under way does not stop; it is let go");
                    Err(asked)
                }
            }
        }
    };
    halt.cancel();
    match ended {
        Ok(()) => Ok(()),
        Err(error) => Err(note_end(&shared, error, &stop).await),
    }
}

/// The rebuild, if it is still to be worked on.
async fn known_job(shop: &Workshop, generation: &Generation) -> Result<Option<Job>, RebuildError> {
    let read_model = &generation.read_model;
    let found = job(&shop.pool, generation).await.map_err(in_database(read_model, "read the rebuild"))?;
    let Some(job) = found else {
        return Err(RebuildError::NoneUnderway { read_model: read_model.clone() });
    };
    match job.state {
        RebuildState::Running => Ok(Some(job)),
        RebuildState::Done => Ok(None),
        state => Err(asked_to(state, job.reason)),
    }
}

pub(crate) fn asked_to(state: RebuildState, reason: Option<String>) -> RebuildError {
    match state {
        RebuildState::Paused => RebuildError::Paused { reason },
        _ => RebuildError::Ended { reason },
    }
}

/// Says in the database how it ended, where others must know.
async fn note_end<M: ReadModel>(
    shared: &Shared<M>,
    error: RebuildError,
    stop: &CancellationToken,
) -> RebuildError {
    let state = match &error {
        RebuildError::DiskFull { .. } => RebuildState::Paused,
        error if !error.can_go_on() && !matches!(error, RebuildError::Ended { .. }) => RebuildState::Failed,
        _ => return if stop.is_cancelled() { RebuildError::ShutDown } else { error },
    };
    let reason = brainops_event::error_chain(&error);
    let noted = set_rebuild_state(&shared.shop.pool, &shared.generation, state, Some(&reason)).await;
    if let Err(error) = noted {
        tracing::error!(projector.name = %shared.generation.read_model, %error, "it cannot be said how a rebuild has ended");
    }
    error
}

/// Renews leases and heeds what people ask, until there is a reason to stop.
async fn beat<M: ReadModel>(shared: Arc<Shared<M>>, desk: Desk, halt: CancellationToken) -> RebuildError {
    let (pool, generation) = (&shared.shop.pool, &shared.generation);
    loop {
        tokio::time::sleep(BEAT).await;
        let units: Vec<(Unit, Offset)> = {
            let desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
            let read_to = |held: &Held| Offset::new(held.read_to.load(Ordering::Relaxed)).ok();
            desk.values().map(|held| (held.unit.clone(), read_to(held).unwrap_or(held.unit.from))).collect()
        };
        let told = async {
            Ok::<_, sqlx::Error>((
                renew(pool, generation, &units, shared.shop.pace.lease).await?,
                job(pool, generation).await?,
            ))
        };
        match told.await {
            Ok((lost, job)) => {
                let desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                lost.iter().filter_map(|place| desk.get(place)).for_each(|held| held.stop.cancel());
                match job {
                    Some(job) if matches!(job.state, RebuildState::Running | RebuildState::Done) => {}
                    Some(job) => {
                        halt.cancel();
                        return asked_to(job.state, job.reason);
                    }
                    None => return RebuildError::Ended { reason: Some("its generation was dropped".into()) },
                }
            }
            // A lease that cannot be renewed ends by itself; the epoch keeps two from writing one partition.
            Err(error) => {
                tracing::warn!(projector.name = %generation.read_model, %error, "leases cannot be renewed; trying again");
            }
        }
    }
}

struct Worker<M> {
    shared: Arc<Shared<M>>,
    desk: Desk,
    halt: CancellationToken,
}

impl<M: ReadModel> Worker<M> {
    /// Takes partitions until all are done, by whomever.
    async fn run(&self) -> Result<(), RebuildError> {
        let mut tasks = JoinSet::new();
        let ended = 'work: loop {
            while tasks.len() < self.shared.shop.at_once.max(1) && !self.halt.is_cancelled() {
                match self.claim().await {
                    Ok(Some(unit)) => self.begin(&mut tasks, unit),
                    Ok(None) => break,
                    Err(error) => break 'work Err(error),
                }
            }
            if tasks.is_empty() {
                match self.is_all_done().await? {
                    true => break Ok(()),
                    false => self.wait_for_others().await?,
                }
                if self.halt.is_cancelled() {
                    break Err(RebuildError::ShutDown);
                }
                continue;
            }
            let Some(ended) = tasks.join_next().await else { continue };
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((true, Err(RebuildError::ShutDown))) => {} // it is somebody else's now
                Ok((_, Err(error))) => break Err(error),
                Err(error) => break Err(RebuildError::Ended { reason: Some(error.to_string()) }),
            }
        };
        self.halt.cancel();
        while tasks.join_next().await.is_some() {}
        ended
    }

    fn begin(&self, tasks: &mut JoinSet<(bool, Result<(), RebuildError>)>, unit: Unit) {
        let (read_to, stop) = (Arc::new(AtomicI64::new(unit.from.get())), self.halt.child_token());
        let held = Held { unit: unit.clone(), read_to: Arc::clone(&read_to), stop: stop.clone() };
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).insert(unit.place.clone(), held);
        let (shared, desk, halt) = (Arc::clone(&self.shared), Arc::clone(&self.desk), self.halt.clone());
        tasks.spawn(async move {
            let worked = one(&shared, unit.clone(), read_to, stop).await;
            desk.lock().unwrap_or_else(PoisonError::into_inner).remove(&unit.place);
            if worked.is_err()
                && let Err(error) = give_back(&shared.shop.pool, &shared.generation, &unit).await
            {
                tracing::debug!(%error, "a partition is given back when its lease ends");
            }
            (!halt.is_cancelled(), worked)
        });
    }

    async fn claim(&self) -> Result<Option<Unit>, RebuildError> {
        let Shared { shop, generation, .. } = &*self.shared;
        let mut backoff = Backoff::for_database();
        loop {
            match claim(&shop.pool, generation, &shop.worker, shop.pace.lease).await {
                Ok(unit) => return Ok(unit),
                Err(error) => {
                    let waited = pause_after(&generation.read_model, error, &mut backoff, &self.halt).await;
                    waited.map_err(halted)?;
                }
            }
        }
    }

    /// Others are at it, or their leases end.
    async fn wait_for_others(&self) -> Result<(), RebuildError> {
        let Shared { shop, generation, .. } = &*self.shared;
        tokio::time::sleep(LOOK).await;
        let mut backoff = Backoff::for_database();
        match free_expired(&shop.pool, generation).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let waited = pause_after(&generation.read_model, error, &mut backoff, &self.halt).await;
                waited.map_err(halted)
            }
        }
    }

    async fn is_all_done(&self) -> Result<bool, RebuildError> {
        let Shared { shop, generation, .. } = &*self.shared;
        let mut backoff = Backoff::for_database();
        loop {
            match all_done(&shop.pool, generation).await {
                Ok(done) => return Ok(done),
                Err(error) => {
                    let waited = pause_after(&generation.read_model, error, &mut backoff, &self.halt).await;
                    waited.map_err(halted)?;
                }
            }
        }
    }
}

/// Works on one partition.
async fn one<M: ReadModel>(
    shared: &Arc<Shared<M>>,
    unit: Unit,
    read_to: Arc<AtomicI64>,
    stop: CancellationToken,
) -> Result<(), RebuildError> {
    if is_only_appended::<M>() && shared.happened_to.is_none() {
        return Straight { shared, unit: &unit, read_to: &read_to, stop: &stop }.run().await;
    }
    Work { shared: Arc::clone(shared), unit, read_to, stop }.run().await
}
