//! What the handlers share: the way to the log, the keys, the read models, and who may ask.
use std::sync::Arc;

use brainops_event::{KeyStore, Sealer};
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::append::Append;
use crate::config::ServerConfig;
use crate::health::{Probe, Readiness};
use crate::moments::Moments;
use crate::query::agents::StopSwitch;
use crate::secret::Secret;
use crate::tasks::TaskDesk;

/// The most requests that are worked on at the same time: with the largest bodies they take about a gigabyte.
const MAX_AT_ONCE: usize = 200;

/// What the doors compare callers with.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The bearer token of the operator.
    pub operator_token: Secret,
    /// The secret that GitHub signs its deliveries with.
    pub github_webhook: Secret,
}

/// What the doors stand on, made by whoever starts them.
pub struct ServerParts {
    /// Read models, for the queries; the doors only read there.
    pub pool: PgPool,
    /// The way to the log.
    pub appender: Arc<dyn Append>,
    /// The stop switch of agents.
    pub agents: Arc<dyn StopSwitch>,
    /// Where tasks are handed out.
    pub tasks: Arc<dyn TaskDesk>,
    /// The way to past moments.
    pub moments: Arc<dyn Moments>,
    /// Keys and pseudonyms.
    pub keys: Arc<dyn KeyStore>,
    /// Seals personal text; usually the same store as `keys`.
    pub sealer: Arc<dyn Sealer>,
    /// What callers are compared with.
    pub secrets: Secrets,
    /// The recorder that `/metrics` shows.
    pub metrics: PrometheusHandle,
    /// What `/readyz` asks beside Postgres and the read models: Kafka and the registry.
    pub probes: Vec<Box<dyn Probe>>,
}

/// The shared state of the handlers.
pub struct Doors {
    pub config: ServerConfig,
    pub pool: PgPool,
    pub appender: Arc<dyn Append>,
    pub agents: Arc<dyn StopSwitch>,
    pub tasks: Arc<dyn TaskDesk>,
    pub moments: Arc<dyn Moments>,
    pub keys: Arc<dyn KeyStore>,
    pub sealer: Arc<dyn Sealer>,
    pub secrets: Secrets,
    pub metrics: PrometheusHandle,
    pub readiness: Readiness,
    /// One for each request that may be worked on at the same time.
    pub places: Semaphore,
}

impl Doors {
    pub fn new(config: ServerConfig, parts: ServerParts) -> Arc<Self> {
        Arc::new(Self {
            config,
            readiness: Readiness::new(parts.pool.clone(), parts.probes),
            pool: parts.pool,
            appender: parts.appender,
            agents: parts.agents,
            tasks: parts.tasks,
            moments: parts.moments,
            keys: parts.keys,
            sealer: parts.sealer,
            secrets: parts.secrets,
            metrics: parts.metrics,
            places: Semaphore::new(MAX_AT_ONCE),
        })
    }
}
