//! The stack that integration tests run against: the one that `BRAINOPS_CONFIG` names.

use std::path::{Path, PathBuf};

use brainops_log::{Cluster, ConfigError, KafkaConfig, LogConfig, Registry, RegistryConfig};
use brainops_projection::PostgresConfig;
use serde::Deserialize;
use thiserror::Error;

/// How to reach the test stack.
#[derive(Debug, Clone, Deserialize)]
pub struct TestStack {
    /// How to reach Kafka.
    pub kafka: KafkaConfig,
    /// How topics are made.
    pub log: LogConfig,
    /// How to reach the schema registry.
    pub registry: RegistryConfig,
    /// How to reach Postgres.
    pub postgres: PostgresConfig,
}

/// Why there is no stack to test against.
#[derive(Debug, Error)]
pub enum StackError {
    /// Nobody said where it is.
    #[error(
        "BRAINOPS_CONFIG is not set: this test needs Kafka, a registry and Postgres; `make test` starts them for all tests, `scripts/stack up` and `scripts/stack env` for one"
    )]
    NotSet,
    /// The file that says where it is cannot be read.
    #[error("BRAINOPS_CONFIG names {}, which cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("{} is not the configuration of a stack", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
}

impl TestStack {
    /// The stack that `BRAINOPS_CONFIG` names.
    ///
    /// # Errors
    /// When it names none; the message says how to get one.
    pub fn from_env() -> Result<Self, StackError> {
        Self::from_file(&PathBuf::from(std::env::var_os("BRAINOPS_CONFIG").ok_or(StackError::NotSet)?))
    }

    /// The stack that a configuration file describes.
    ///
    /// # Errors
    /// When it cannot be read, or describes none.
    pub fn from_file(path: &Path) -> Result<Self, StackError> {
        let path = path.to_path_buf();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| StackError::Unreadable { path: path.clone(), source })?;
        toml::from_str(&text).map_err(|source| StackError::Unusable { path, source: Box::new(source) })
    }

    /// A cluster with this topic prefix.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn cluster(&self, prefix: &str) -> Result<Cluster, ConfigError> {
        let log = LogConfig { prefix: prefix.to_owned(), ..self.log.clone() };
        Cluster::new(self.kafka.clone(), log)
    }

    /// The registry.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn registry(&self) -> Result<Registry, ConfigError> {
        Registry::new(self.registry.clone())
    }
}
