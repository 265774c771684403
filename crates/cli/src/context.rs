//! What commands share: the settings, and how to reach what they name. Each is opened when a command needs it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use brainops_event::{Catalog, TopicName};
use brainops_keys::FileKeyStore;
use brainops_log::{Cluster, ReadOnlyCluster, Registry};
use brainops_outbox::Outbox;
use brainops_projection::{Pace, Workshop};
use clap::ValueEnum;
use sqlx::PgPool;

use crate::host::instance_name;
use crate::output::Output;
use crate::secrets::StateFolder;
use crate::settings::{Loaded, Settings};

/// How long the registry must go on saying that it has no such schema until a record is poison.
const UNKNOWN_SCHEMA_PATIENCE: Duration = Duration::from_secs(60);

/// Where schemas are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaSource {
    /// The schema registry of the configuration.
    Service,
    /// The topic `schema`, which needs no registry; nothing can be registered there.
    Log,
}

/// The settings of this run, and how to answer.
pub struct Context {
    /// Where schemas are asked for.
    pub schemas: SchemaSource,
    /// What was configured, and where.
    pub loaded: Loaded,
    /// How to answer.
    pub output: Output,
}

impl Context {
    /// What was configured.
    pub fn settings(&self) -> &Settings {
        &self.loaded.settings
    }

    /// The Kafka cluster; connects when it is first asked something.
    pub fn cluster(&self) -> anyhow::Result<Cluster> {
        let Settings { kafka, log, .. } = self.settings();
        Cluster::new(kafka.clone(), log.clone()).context("the sections kafka and log cannot be used")
    }

    /// The schema registry, or the log in its place; connects when it is first asked something.
    pub fn registry(&self) -> anyhow::Result<Registry> {
        match self.schemas {
            SchemaSource::Service => {
                Registry::new(self.settings().registry.clone()).context("the section registry cannot be used")
            }
            SchemaSource::Log => Ok(Registry::from_log(&self.cluster()?)),
        }
    }

    /// The way to append: waits for nothing, and sends nothing by itself; a relay does.
    pub async fn outbox(&self, pool: &PgPool) -> anyhow::Result<Outbox> {
        let config = self.settings().outbox.clone();
        let outbox = Outbox::open(pool, &self.cluster()?, &self.registry()?, config).await;
        outbox.context(
            "the outbox cannot be opened; run `brainops init` after each new version of this program",
        )
    }

    /// Connections to Postgres.
    pub async fn pool(&self) -> anyhow::Result<PgPool> {
        self.settings().postgres.pool().await.context("postgres is not available")
    }

    /// Where and with what this process folds history: it can read the log, and nothing else.
    pub async fn workshop(&self) -> anyhow::Result<Workshop> {
        self.workshop_on(self.pool().await?)
    }

    /// The same over connections to Postgres that are there.
    pub fn workshop_on(&self, pool: PgPool) -> anyhow::Result<Workshop> {
        let Settings { kafka, log, replay, state, .. } = self.settings();
        ensure!(
            (1..=64).contains(&replay.partitions_at_once),
            "replay.partitions_at_once is {}, accepted is 1 to 64",
            replay.partitions_at_once
        );
        let log = ReadOnlyCluster::new(kafka.clone(), log.clone());
        Ok(Workshop {
            pool,
            log: log.context("the sections kafka and log cannot be used")?,
            registry: self.registry()?,
            scratch: replay.scratch.clone().unwrap_or_else(|| state.folder.join("scratch")),
            worker: instance_name(),
            at_once: usize::from(replay.partitions_at_once),
            unknown_schema_patience: UNKNOWN_SCHEMA_PATIENCE,
            pace: Pace::default(),
        })
    }

    /// Where keys and tokens are kept.
    pub fn state(&self) -> StateFolder {
        StateFolder::new(&self.settings().state.folder)
    }

    /// The keys of this installation, which `brainops init` has made.
    pub fn keys(&self) -> anyhow::Result<Arc<FileKeyStore>> {
        let state = self.state();
        state.must_exist()?;
        let keys = FileKeyStore::open(state.keys()).context("the key store cannot be opened")?;
        Ok(Arc::new(keys))
    }
}

/// The full names of `topics`.
pub fn topic_names(cluster: &Cluster, topics: &[&str]) -> anyhow::Result<Vec<TopicName>> {
    let name = |topic: &&str| cluster.topic(topic).with_context(|| format!("no topic can be called {topic}"));
    topics.iter().map(name).collect()
}

/// A topic of ours, as an argument.
pub fn known_topic(name: &str) -> Result<String, String> {
    let known = Catalog::builtin().topics();
    let accepted = || format!("accepted are {}", known.join(", "));
    known.contains(&name).then(|| name.to_owned()).ok_or_else(accepted)
}
