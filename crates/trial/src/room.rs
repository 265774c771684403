//! Topics and a database of a scenario's own, on the private stack.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brainops_event::{Catalog, SchemaId, TopicName};
use brainops_log::{
    Cluster, Registry, RegistryError, TopicsError, delete_topics, end_frontier, ensure_topics,
};
use brainops_outbox::OutboxConfig;
use brainops_projection::{Generation, PostgresConfig, install};
use brainops_testkit::{PrivateStack, TestStack};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgPool};

use crate::model::Trial;
use crate::order::{Order, Task};
use crate::raw::Raw;
use crate::rebuilding::SCRATCH;

/// How many partitions the topics have.
pub(crate) const PARTITIONS: i32 = 8;

/// Where a scenario plays.
#[derive(Debug)]
pub struct Room {
    stack: Arc<PrivateStack>,
    prefix: String,
    cluster: Cluster,
    registry: Registry,
    postgres: PostgresConfig,
    pool: PgPool,
    generation: Generation,
    raw: Raw,
    schema: SchemaId,
}

impl Room {
    /// Makes topics and a database, installs the read model, and sets the watch on its checkpoints.
    ///
    /// # Errors
    /// When the stack does not do what it should.
    pub async fn new(stack: Arc<PrivateStack>) -> anyhow::Result<Self> {
        let random = uuid::Uuid::now_v7().simple().to_string();
        let prefix = format!("brainops-t-{}", &random[20..]);
        let config: &TestStack = stack.stack();
        let (cluster, registry) = (config.cluster(&prefix)?, config.registry()?);
        run(config, format!("CREATE DATABASE \"{prefix}\"")).await.context("no database")?;
        let postgres = PostgresConfig { database: prefix.clone(), ..config.postgres.clone() };
        let limits = PgPoolOptions::new().max_connections(6).acquire_timeout(Duration::from_secs(5));
        let pool = limits.connect_lazy_with(postgres.options()?);
        make_topics(&cluster).await.context("no topics")?;
        register(&registry).await.context("no schemas")?;
        brainops_outbox::migrate(&pool).await.context("no outbox")?;
        brainops_saga::migrate(&pool).await.context("no tables of sagas")?;
        let generation = install(&pool, &Trial).await.context("no read model")?;
        sqlx::raw_sql(include_str!("sql/watch.sql")).execute(&pool).await.context("no watch")?;
        let raw = Raw::new(&config.kafka);
        let entry =
            Catalog::builtin().by_name("brainops.business.MetricRecorded").context("no such schema")?;
        let schema = registry.id_for(entry).await?;
        Ok(Self { stack, prefix, cluster, registry, postgres, pool, generation, raw, schema })
    }

    /// The stack that it is on.
    pub fn stack(&self) -> &Arc<PrivateStack> {
        &self.stack
    }

    /// The cluster, with the room's prefix.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Connections to the room's database.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How to reach the room's database.
    pub fn postgres(&self) -> &PostgresConfig {
        &self.postgres
    }

    /// What the read model is installed as.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Kafka, without the runtime's reader.
    pub fn raw(&self) -> &Raw {
        &self.raw
    }

    /// The id of the schema of the trial's events.
    pub fn schema(&self) -> SchemaId {
        self.schema
    }

    /// The topic of the trial.
    ///
    /// # Panics
    /// Never: it is a topic name.
    pub fn topic(&self) -> TopicName {
        self.cluster.topic("business").expect("a topic name")
    }

    /// The port of a part of the stack, by its configuration.
    ///
    /// # Panics
    /// When it has none.
    pub fn kafka_port(&self) -> u16 {
        let servers = &self.stack.stack().kafka.bootstrap_servers;
        servers.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// What stands between the scheme and the path of the registry's address: `host:port`.
    pub fn registry_address(&self) -> String {
        let url = &self.stack.stack().registry.url;
        url.split('/').nth(2).unwrap_or_default().to_owned()
    }

    /// The task of an order, in this room.
    pub(crate) fn task(&self, order: &Order, folder: &std::path::Path) -> Task {
        let config = self.stack.stack();
        let (mut kafka, mut registry, mut postgres) =
            (config.kafka.clone(), config.registry.clone(), self.postgres.clone());
        if let Some(port) = order.kafka_port {
            kafka.bootstrap_servers = format!("127.0.0.1:{port}");
        }
        if let Some(port) = order.registry_port {
            registry.url = registry.url.replace(&self.registry_address(), &format!("127.0.0.1:{port}"));
        }
        if let Some(port) = order.postgres_port {
            postgres.port = port;
        }
        let log = self.cluster.log_config().clone();
        Task {
            name: order.name.clone(),
            role: order.role,
            kafka,
            log,
            registry,
            postgres,
            max_records: order.max_records,
            outbox: outbox_config(),
            announces: order.announces,
            relays: order.relays,
            in_memory: order.in_memory,
            scratch: folder.join(SCRATCH),
            metrics_file: folder.join(format!("{}.metrics", order.name)),
        }
    }

    /// One number from the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn number(&self, sql: &'static str) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await
    }

    /// Where each partition of the trial's topic is folded to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn checkpoints(&self) -> Result<BTreeMap<i32, i64>, sqlx::Error> {
        let sql = "SELECT partition, next_offset FROM trial_g1.checkpoint WHERE topic = $1";
        let rows: Vec<(i32, i64)> =
            sqlx::query_as(sql).bind(self.topic().as_str()).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().collect())
    }

    /// Where each partition of the trial's topic ends now.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn ends(&self) -> anyhow::Result<BTreeMap<i32, i64>> {
        let frontier = end_frontier(&self.cluster, &[self.topic()]).await?;
        Ok(frontier.iter().map(|(_, partition, offset)| (partition.get(), offset.get())).collect())
    }

    /// Deletes topics and database.
    ///
    /// # Errors
    /// When something of it cannot be deleted.
    pub async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        let topics = Catalog::builtin().topics().iter().filter_map(|name| self.cluster.topic(name).ok());
        delete_topics(&self.cluster, &topics.collect::<Vec<_>>()).await?;
        let drop = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.prefix);
        if run(self.stack.stack(), drop.clone()).await.is_err() {
            // A worker of the server's own may be in it for a moment, and belongs to another user.
            tokio::time::sleep(Duration::from_millis(300)).await;
            run(self.stack.stack(), drop).await?;
        }
        Ok(())
    }
}

/// A broker that makes the topics of several rooms at once may not show all of them at first.
async fn make_topics(cluster: &Cluster) -> Result<(), TopicsError> {
    let mut last = ensure_topics(cluster, Catalog::builtin()).await;
    for _ in 0..5 {
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await; // between two looks
        last = ensure_topics(cluster, Catalog::builtin()).await;
    }
    last.map(drop)
}

/// A registry whose database was killed a moment ago answers with its trouble once or twice.
async fn register(registry: &Registry) -> Result<(), RegistryError> {
    let mut last = registry.register(Catalog::builtin()).await;
    for _ in 0..10 {
        match &last {
            Err(error) if error.is_transient() => {}
            _ => break,
        }
        tokio::time::sleep(Duration::from_secs(1)).await; // between two looks
        last = registry.register(Catalog::builtin()).await;
    }
    last.map(drop)
}

/// Few shards, so that relays share them, and a short lease, so that a dead one is soon replaced.
pub(crate) fn outbox_config() -> OutboxConfig {
    OutboxConfig { shards: 2, lease_ms: 2_000, answer_limit_ms: 8_000, ..OutboxConfig::default() }
}

async fn run(stack: &TestStack, statement: String) -> anyhow::Result<()> {
    let mut connection = stack.postgres.options()?.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}
