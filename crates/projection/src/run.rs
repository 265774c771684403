//! The life of a projection: follow, take over, apply, heartbeat, stop.
//!
//! A *session* is the life of one follower. It ends with the process, or begins anew when the log's reader failed or
//! when partitions were taken over by an instance that does not keep them: rows are safe in every case, since they
//! move only together with a checkpoint of the right epoch.

use std::sync::Arc;
use std::time::Duration;

use brainops_event::TopicName;
use brainops_log::{CatchUp, Cluster, Follower, FollowerConfig, ReadError, ReadOnlyCluster, Registry};
use brainops_outbox::Outbox;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::apply::Applier;
use crate::backoff::Backoff;
use crate::batch::chain;
use crate::beat::Heartbeat;
use crate::decision;
use crate::generation::Generation;
use crate::halt::Halt;
use crate::held::{Board, State, Stop};
use crate::model::ReadModel;
use crate::month::KnownMonths;
use crate::reason::ReasonClass;
use crate::run_error::RunError;
use crate::session::{Ended, Session, SessionEnd};
use crate::sort::{ParkedSets, Scope};

/// How long the last heartbeat may take.
const LAST_BEAT_LIMIT: Duration = Duration::from_secs(1);

/// How long leaving the group may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// What a run takes at once, and under which name.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Names this process in `brainops.progress`: a host and a process, or what a person would look for.
    pub instance: String,
    /// How many records a batch has at most. Default: 5,000.
    pub max_records: usize,
    /// How many bytes a batch has at most. Default: 8 MiB.
    pub max_bytes: usize,
    /// How long a batch gathers after its first record. Default: 20 ms.
    pub max_wait: Duration,
    /// How large a batch may become while the read model is far behind: more events fold into one row then. Default:
    /// 50,000 records or 16 MiB; two batches of a writer may be in memory at a time.
    pub catch_up: Option<CatchUp>,
    /// How many members of the group this process is, each with its own consumer and transactions, so that one folds
    /// while Postgres works for another; memory grows with them. Default: 1.
    pub writers: usize,
    /// How many subjects may be parked within a minute before the read model pauses until a person resumes it.
    /// Default: 100.
    pub max_parked_per_minute: u32,
    /// From how many rows on a batch's rows of an append-only table are sent by COPY; fewer go as arrays. Default:
    /// 20,000. The driver sends the end of a COPY in a packet of its own and leaves Nagle's algorithm on, so that each
    /// COPY waits some 40 ms for the server's delayed acknowledgement; below this that costs more than COPY saves.
    pub copy_from_rows: usize,
    /// How long the registry must go on saying that it has no such schema until a record is poison. Default: 1 min.
    pub unknown_schema_patience: Duration,
    /// Takes the events that say what was parked. Default: none, and nothing is said.
    pub outbox: Option<Outbox>,
}

impl RunOptions {
    /// The defaults.
    pub fn new(instance: impl Into<String>) -> Self {
        Self {
            instance: instance.into(),
            max_records: 5_000,
            max_bytes: 8 * 1024 * 1024,
            max_wait: Duration::from_millis(20),
            catch_up: Some(CatchUp::default()),
            writers: 1,
            max_parked_per_minute: 100,
            copy_from_rows: 20_000,
            unknown_schema_patience: Duration::from_secs(60),
            outbox: None,
        }
    }
}

/// What following needs beside the generation.
pub(crate) struct Following<M> {
    pub(crate) model: Arc<M>,
    pub(crate) pool: PgPool,
    pub(crate) cluster: Cluster,
    pub(crate) registry: Registry,
    pub(crate) options: RunOptions,
}

impl<M> Clone for Following<M> {
    fn clone(&self) -> Self {
        Self {
            model: Arc::clone(&self.model),
            pool: self.pool.clone(),
            cluster: self.cluster.clone(),
            registry: self.registry.clone(),
            options: self.options.clone(),
        }
    }
}

/// Follows the topics of a read model and folds them into one generation, until shutdown is asked for. The batch in
/// flight is then finished, within ten seconds.
///
/// # Errors
/// [`RunError`] when a person is needed; what can pass is waited for and tried again.
pub(crate) async fn follow<M: ReadModel>(
    following: Following<M>,
    generation: Generation,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let Following { model, pool, cluster, registry, options } = following;
    let scope = scope(&*model, &cluster.read_only(), &generation)?;
    let config = follower_config(&scope, &options);
    let writers = options.writers.max(1);
    let runner = Runner { model, pool, cluster, registry, scope, config, options, writer: 0, shutdown };
    match writers {
        1 => runner.run().await,
        several => run_members(runner, several).await,
    }
}

/// Runs several members of the group, until all have ended. One that ends by a fault ends the others.
async fn run_members<M: ReadModel>(runner: Runner<M>, writers: usize) -> Result<(), RunError> {
    let together = runner.shutdown.child_token();
    let mut members = JoinSet::new();
    for writer in 0..writers {
        let mut options = runner.options.clone();
        options.instance = format!("{}#{writer}", options.instance);
        let member = Runner { options, writer, shutdown: together.clone(), ..runner.clone() };
        members.spawn(member.run());
    }
    let mut ended = Ok(());
    while let Some(member) = members.join_next().await {
        let of_member = member.unwrap_or_else(|panic| {
            let read_model = runner.scope.generation.read_model.clone();
            Err(RunError::Panicked { read_model, source: panic })
        });
        together.cancel();
        ended = ended.and(of_member);
    }
    ended
}

pub(crate) fn scope<M: ReadModel>(
    model: &M,
    cluster: &ReadOnlyCluster,
    generation: &Generation,
) -> Result<Scope, RunError> {
    let impossible = |source| RunError::Topic { read_model: generation.read_model.clone(), source };
    let folded: Result<Vec<TopicName>, _> = model.topics().iter().map(|topic| cluster.topic(topic)).collect();
    let folded = folded.map_err(impossible)?;
    let decisions = cluster.topic(decision::TOPIC).map_err(impossible)?;
    Ok(Scope { generation: generation.clone(), folded, decisions })
}

fn follower_config(scope: &Scope, options: &RunOptions) -> FollowerConfig {
    let topics = scope.topics();
    let group = format!("projection.{}", scope.generation.schema()); // each generation reads at its own pace
    let RunOptions { max_records, max_bytes, max_wait, catch_up, unknown_schema_patience, .. } = *options;
    let limits = FollowerConfig::new(group, topics);
    FollowerConfig { max_records, max_bytes, max_wait, catch_up, unknown_schema_patience, ..limits }
}

struct Runner<M> {
    model: Arc<M>,
    pool: PgPool,
    cluster: Cluster,
    registry: Registry,
    scope: Scope,
    config: FollowerConfig,
    options: RunOptions,
    /// Number of the member within this process.
    writer: usize,
    shutdown: CancellationToken,
}

impl<M> Clone for Runner<M> {
    fn clone(&self) -> Self {
        Self {
            model: self.model.clone(),
            pool: self.pool.clone(),
            cluster: self.cluster.clone(),
            registry: self.registry.clone(),
            scope: self.scope.clone(),
            config: self.config.clone(),
            options: self.options.clone(),
            writer: self.writer,
            shutdown: self.shutdown.clone(),
        }
    }
}

impl<M: ReadModel> Runner<M> {
    async fn run(self) -> Result<(), RunError> {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        tracing::info!(projector.name = %self.scope.generation.read_model, generation = self.scope.generation.number, instance = self.options.instance, "following");
        loop {
            let began = Instant::now();
            let reason = match self.session().await? {
                Ended::ShutDown => return Ok(()),
                Ended::Anew(reason) => reason,
            };
            if began.elapsed() > Duration::from_secs(60) {
                backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
            }
            let pause = backoff.pause();
            tracing::warn!(projector.name = %self.scope.generation.read_model, reason, pause_ms = pause.as_millis(), "following anew");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// The life of one follower.
    async fn session(&self) -> Result<Ended, RunError> {
        let follower = tokio::select! {
            follower = Follower::start(&self.cluster, &self.registry, self.config.clone()) => follower,
            () = self.shutdown.cancelled() => return Ok(Ended::ShutDown),
        };
        let follower = match follower {
            Ok(follower) => follower,
            Err(error) => return self.read_failed(error),
        };
        let board = Board::default();
        let heartbeat = Heartbeat {
            pool: self.pool.clone(),
            cluster: self.cluster.clone(),
            generation: self.scope.generation.clone(),
            instance: self.options.instance.clone(),
            writer: self.writer,
            board: board.clone(),
        };
        let applier = self.applier(board.clone());
        let mut session = Session::new(applier, follower, self.shutdown.clone());
        let ended = tokio::select! {
            ended = session.follow() => ended,
            never = heartbeat.run() => match never {},
        };
        stop_all(&board, last_words(&ended));
        if timeout(LAST_BEAT_LIMIT, heartbeat.beat()).await.map_or(true, |beat| beat.is_err()) {
            tracing::warn!(projector.name = %self.scope.generation.read_model, "the last heartbeat could not be written");
        }
        if timeout(LEAVE_LIMIT, session.follower.stop()).await.is_err() {
            tracing::warn!(projector.name = %self.scope.generation.read_model, "leaving the group takes long; it is told when the session times out");
        }
        match ended {
            Ok(ended) => Ok(ended),
            Err(SessionEnd::Read(error)) => self.read_failed(error),
            Err(SessionEnd::Halt(Halt::ShutDown)) => Ok(Ended::ShutDown),
            Err(SessionEnd::Halt(Halt::Fault(fault))) => Err(fault),
        }
    }

    fn applier(&self, board: Board) -> Applier<M> {
        Applier {
            model: self.model.clone(),
            pool: self.pool.clone(),
            cluster: self.cluster.read_only(),
            registry: self.registry.clone(),
            generation: self.scope.generation.clone(),
            scope: self.scope.clone(),
            outbox: self.options.outbox.clone(),
            max_parked_per_minute: self.options.max_parked_per_minute,
            copy_from_rows: self.options.copy_from_rows,
            board,
            months: KnownMonths::default(),
            parked: ParkedSets::new(),
            look_for_decisions: true,
            carry_out_after: None,
        }
    }

    /// What cannot pass ends the projection. Everything else is begun anew: then each partition is compared with the
    /// log again, and the one that is at fault stands alone.
    fn read_failed(&self, error: ReadError) -> Result<Ended, RunError> {
        match error {
            ReadError::Refused { .. } => Err(RunError::Read {
                read_model: self.scope.generation.read_model.clone(),
                source: Box::new(error),
            }),
            error => Ok(Ended::Anew(chain(&error))),
        }
    }
}

/// What the progress rows say when a session ends.
fn last_words(ended: &Result<Ended, SessionEnd>) -> Stop {
    let (class, reason, at) = match ended {
        Ok(Ended::ShutDown) | Err(SessionEnd::Halt(Halt::ShutDown)) => {
            (ReasonClass::ShutDown, "the instance was shut down".to_owned(), None)
        }
        Ok(Ended::Anew(reason)) => (ReasonClass::Interrupted, reason.clone(), None),
        Err(SessionEnd::Read(error)) => (ReasonClass::Interrupted, chain(error), None),
        Err(SessionEnd::Halt(Halt::Fault(fault))) => (fault.class(), chain(fault), fault.position().cloned()),
    };
    Stop { class, reason, at }
}

fn stop_all(board: &Board, stop: Stop) {
    for held in board.lock().values_mut().filter(|held| held.is_running()) {
        held.state = State::Stopped(stop.clone());
    }
}
