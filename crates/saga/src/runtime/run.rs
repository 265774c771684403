//! The life of an agent in one process: follow, begin anew when the log's reader failed, stop.

use std::time::{Duration, Instant};

use brainops_checkpoint::Keeper;
use brainops_checkpoint::backoff::Backoff;
use brainops_event::{TopicName, error_chain};
use brainops_log::{Cluster, Follower, FollowerConfig, ReadError, Registry};
use brainops_outbox::Outbox;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::apply::Applier;
use super::error::{Halt, RunError};
use super::session::{Ended, Session, SessionEnd};
use crate::cast::Cast;

/// How long leaving the group may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// How much a run takes at once.
#[derive(Debug, Clone)]
pub struct SagaOptions {
    /// How many records a batch has at most. Default: 2,000.
    pub max_records: usize,
    /// How many bytes a batch has at most. Default: 4 MiB.
    pub max_bytes: usize,
    /// How long a batch gathers after its first record while more is known to be there. Default: 20 ms.
    pub max_wait: Duration,
    /// How long the registry must go on saying that it has no such schema until a record is nobody's. Default: 1 min.
    pub unknown_schema_patience: Duration,
}

impl Default for SagaOptions {
    fn default() -> Self {
        Self {
            max_records: 2_000,
            max_bytes: 4 * 1024 * 1024,
            max_wait: Duration::from_millis(20),
            unknown_schema_patience: Duration::from_secs(60),
        }
    }
}

/// Where an agent is run: the log, and the outbox through which it decides.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Postgres.
    pub pool: PgPool,
    /// Kafka.
    pub cluster: Cluster,
    /// The registry.
    pub registry: Registry,
    /// The way into the log.
    pub outbox: Outbox,
}

/// Follows the topics of an agent and lets its sagas react, until shutdown is asked for. The batch in flight is then
/// finished, within ten seconds. Any number of processes may run one agent.
///
/// # Errors
/// [`RunError`] when a person is needed; what can pass is waited for and tried again.
pub async fn run(
    cast: Cast,
    stage: Stage,
    options: SagaOptions,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let agent = cast.name();
    let topics: Result<Vec<TopicName>, _> =
        cast.topics().into_iter().map(|topic| stage.cluster.topic(topic)).collect();
    let topics = topics.map_err(|source| RunError::Topic { agent, source })?;
    let SagaOptions { max_records, max_bytes, max_wait, unknown_schema_patience } = options;
    let config = FollowerConfig {
        max_records,
        max_bytes,
        max_wait,
        unknown_schema_patience,
        ..FollowerConfig::new(group(agent), topics)
    };
    let runner = Runner { cast, stage, config, shutdown };
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let began = Instant::now();
        let reason = match runner.session().await? {
            Ended::ShutDown => return Ok(()),
            Ended::Anew(reason) => reason,
        };
        if began.elapsed() > Duration::from_secs(60) {
            backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        }
        let pause = backoff.pause();
        tracing::warn!(agent.name = agent, reason, pause_ms = pause.as_millis(), "following anew");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = runner.shutdown.cancelled() => return Ok(()),
        }
    }
}

/// The consumer group of an agent, without the installation's prefix.
fn group(agent: &str) -> String {
    format!("saga-{agent}")
}

/// Who keeps the checkpoints of an agent. Its name is cut by Postgres at 63 bytes, and is shorter: a name of an agent has
/// 40 at most.
pub(crate) fn keeper(agent: &str) -> Keeper {
    Keeper::of_rows(format!("saga {agent}"), "brainops.saga_checkpoint", "agent", agent)
}

struct Runner {
    cast: Cast,
    stage: Stage,
    config: FollowerConfig,
    shutdown: CancellationToken,
}

impl Runner {
    /// The life of one follower.
    async fn session(&self) -> Result<Ended, RunError> {
        let Stage { pool, cluster, registry, outbox } = &self.stage;
        let follower = tokio::select! {
            follower = Follower::start(cluster, registry, self.config.clone()) => follower,
            () = self.shutdown.cancelled() => return Ok(Ended::ShutDown),
        };
        let follower = match follower {
            Ok(follower) => follower,
            Err(error) => return self.read_failed(error),
        };
        let applier = Applier {
            cast: self.cast.clone(),
            pool: pool.clone(),
            keeper: keeper(self.cast.name()),
            outbox: outbox.clone(),
            held: std::collections::BTreeMap::new(),
            had_room_at: None,
        };
        let mut session = Session::new(
            applier,
            follower,
            (self.config.max_records, self.config.max_bytes),
            self.shutdown.clone(),
        );
        let ended = session.follow().await;
        if tokio::time::timeout(LEAVE_LIMIT, session.follower.stop()).await.is_err() {
            tracing::warn!(
                agent.name = self.cast.name(),
                "leaving the group takes long; it is told when the session times out"
            );
        }
        match ended {
            Ok(ended) => Ok(ended),
            Err(SessionEnd::Read(error)) => self.read_failed(error),
            Err(SessionEnd::Halt(Halt::ShutDown)) => Ok(Ended::ShutDown),
            Err(SessionEnd::Halt(Halt::Fault(fault))) => Err(fault),
        }
    }

    /// What cannot pass ends the run. Everything else is begun anew: then each partition is compared with the log again.
    fn read_failed(&self, error: ReadError) -> Result<Ended, RunError> {
        match error {
            ReadError::Refused { .. } => {
                Err(RunError::Read { agent: self.cast.name(), source: Box::new(error) })
            }
            error => Ok(Ended::Anew(error_chain(&error).to_string())),
        }
    }
}
