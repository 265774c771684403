//! What a worker process is told: a file in JSON, and environment for what is planted and where it is to die.

use std::path::PathBuf;

use brainops_fault::Bug;
use brainops_log::{KafkaConfig, LogConfig, RegistryConfig};
use brainops_outbox::OutboxConfig;
use brainops_projection::PostgresConfig;
use serde::{Deserialize, Serialize};

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Folds the read model of the trial.
    Project,
    /// Publishes the outbox.
    Relay,
    /// Folds history for whatever generation of the trial waits for it.
    Rebuild,
    /// Says events through the outbox, as standard input names them, and answers on standard output.
    Append,
    /// Runs the agent of the trial, and fires its timers.
    React,
}

/// Where and how it works.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) kafka: KafkaConfig,
    pub(crate) log: LogConfig,
    pub(crate) registry: RegistryConfig,
    pub(crate) postgres: PostgresConfig,
    pub(crate) max_records: usize,
    pub(crate) outbox: OutboxConfig,
    pub(crate) announces: bool,
    pub(crate) relays: bool,
    pub(crate) metrics_file: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) in_memory: bool,
}

/// Where a worker's log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTo {
    /// A file that is searched.
    File,
    /// A disk that is full.
    FullDisk,
}

/// What the one who starts a worker says; all but name and role has a default.
#[derive(Debug, Clone)]
pub struct Order {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) max_records: usize,
    pub(crate) fault: Option<String>,
    pub(crate) bug: Option<Bug>,
    pub(crate) postgres_port: Option<u16>,
    pub(crate) kafka_port: Option<u16>,
    pub(crate) registry_port: Option<u16>,
    pub(crate) open_files: Option<u64>,
    pub(crate) log_to: LogTo,
    pub(crate) announces: bool,
    pub(crate) relays: bool,
    pub(crate) in_memory: bool,
}

impl Order {
    fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            role,
            max_records: 50,
            fault: None,
            bug: None,
            postgres_port: None,
            kafka_port: None,
            registry_port: None,
            open_files: None,
            log_to: LogTo::File,
            announces: false,
            relays: false,
            in_memory: false,
        }
    }

    /// A projector.
    pub fn projector(name: &str) -> Self {
        Self::new(name, Role::Project)
    }

    /// One who folds history. All of a scenario set records aside in one folder, as processes of one host do.
    pub fn rebuilder(name: &str) -> Self {
        Self::new(name, Role::Rebuild)
    }

    /// A relay.
    pub fn relay(name: &str) -> Self {
        Self::new(name, Role::Relay)
    }

    /// One who appends through the outbox.
    pub fn appender(name: &str) -> Self {
        Self::new(name, Role::Append)
    }

    /// One who runs the agent of the trial. Somebody must relay what it says.
    pub fn clerk(name: &str) -> Self {
        Self::new(name, Role::React)
    }

    /// Takes so many records at once.
    #[must_use]
    pub fn batches_of(self, max_records: usize) -> Self {
        Self { max_records, ..self }
    }

    /// Strikes as `BRAINOPS_FAULT` says.
    #[must_use]
    pub fn striking(self, fault: impl Into<String>) -> Self {
        Self { fault: Some(fault.into()), ..self }
    }

    /// Reaches Postgres by this port.
    #[must_use]
    pub fn postgres_by(self, port: u16) -> Self {
        Self { postgres_port: Some(port), ..self }
    }

    /// Reaches Kafka by this port.
    #[must_use]
    pub fn kafka_by(self, port: u16) -> Self {
        Self { kafka_port: Some(port), ..self }
    }

    /// Reaches the registry by this port.
    #[must_use]
    pub fn registry_by(self, port: u16) -> Self {
        Self { registry_port: Some(port), ..self }
    }

    /// May have so many files open at once.
    #[must_use]
    pub fn open_files(self, limit: u64) -> Self {
        Self { open_files: Some(limit), ..self }
    }

    /// Folds whole partitions in memory where it can, and sets nothing aside.
    #[must_use]
    pub fn in_memory(self) -> Self {
        Self { in_memory: true, ..self }
    }

    /// Relays what it says itself, as far as nobody else does.
    #[must_use]
    pub fn relaying(self) -> Self {
        Self { relays: true, ..self }
    }

    /// Says what it parks by an event, through the outbox.
    #[must_use]
    pub fn announcing(self) -> Self {
        Self { announces: true, ..self }
    }

    /// Logs to a disk that is full.
    #[must_use]
    pub fn logging_to_a_full_disk(self) -> Self {
        Self { log_to: LogTo::FullDisk, ..self }
    }
}
