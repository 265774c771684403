//! A Kafka cluster as three principals see it: who appends, who reads, who makes topics.
//!
//! Every client of the platform is configured here, so that the wire contract (partitioner, acknowledgements,
//! isolation, checksums) is decided in one place.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use brainops_event::{PositionError, TopicName};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::config::{ConfigError, KafkaConfig, LogConfig};
use crate::read_only::sealed::Sealed;
use crate::read_only::{Login, ReadOnlyCluster};

/// How long a question to the cluster may take before it is answered with an error.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The group of a consumer that shares with nobody: it never joins, but the client wants a name.
pub(crate) const ALONE: &str = "alone";

/// Largest record that is appended or read, in bytes: value, key and headers together. Below the brokers' default of
/// 1,048,588 for a whole batch, so that no broker refuses what passed here.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

/// What a client is for; each has its own principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Appender,
    Reader,
    Admin,
}

/// A Kafka cluster and our namespace in it. Cheap to clone; connects when it is first asked something.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    reader: ReadOnlyCluster,
    appender: Option<Login>,
    admin: Option<Login>,
}

/// The cluster did not answer, or not as it should.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// No answer in time. Trying again can help; a wrong password looks the same.
    #[error("{servers} did not say within {} s {question}", limit.as_secs())]
    NoAnswer {
        /// The configured brokers.
        servers: String,
        /// What was asked.
        question: &'static str,
        /// How long we waited.
        limit: Duration,
        /// The last that the client said.
        source: Box<KafkaError>,
    },
    /// The answer was an error. Trying again does not help by itself.
    #[error("{servers} refused to say {question}")]
    Refused {
        /// The configured brokers.
        servers: String,
        /// What was asked.
        question: &'static str,
        /// The answer.
        source: Box<KafkaError>,
    },
    /// A topic does not exist, or this principal may not see it.
    #[error("the topic {topic} does not exist at {servers}, or the reader may not see it")]
    MissingTopic {
        /// The topic.
        topic: TopicName,
        /// The configured brokers.
        servers: String,
    },
}

impl Cluster {
    /// Checks the configuration and reads the files that it names. Does not connect.
    ///
    /// # Errors
    /// A value cannot be true, or a file with a secret cannot be used: see [`ConfigError`].
    pub fn new(kafka: KafkaConfig, log: LogConfig) -> Result<Cluster, ConfigError> {
        kafka.check()?;
        let appender = Login::of(&kafka, "kafka.appender", kafka.appender.as_ref())?;
        let admin = Login::of(&kafka, "kafka.admin", kafka.admin.as_ref())?;
        let reader = ReadOnlyCluster::new(kafka, log)?;
        let cluster = Cluster { shared: Arc::new(Shared { reader, appender, admin }) };
        for role in [Role::Appender, Role::Admin] {
            cluster.client(role).create_native_config().map_err(ConfigError::Client)?;
        }
        Ok(cluster)
    }

    /// The same cluster for somebody who only reads: with the reader's login and no other.
    #[must_use]
    pub fn read_only(&self) -> ReadOnlyCluster {
        self.shared.reader.clone()
    }

    /// The full name of one of our topics, such as `brainops.lead` of `lead`.
    ///
    /// # Errors
    /// The name has letters that a topic cannot have.
    pub fn topic(&self, name: &str) -> Result<TopicName, PositionError> {
        self.shared.reader.topic(name)
    }

    /// How topics are named and made.
    pub fn log_config(&self) -> &LogConfig {
        self.shared.reader.log_config()
    }

    /// A configuration for a client of this role, without anything that only producers or consumers have.
    pub(crate) fn client(&self, role: Role) -> ClientConfig {
        let Shared { reader, appender, admin } = &*self.shared;
        match role {
            Role::Appender => reader.client_of("brainops-appender", appender.as_ref()),
            Role::Reader => reader.client(),
            Role::Admin => reader.client_of("brainops-admin", admin.as_ref()),
        }
    }
}

impl Sealed for Cluster {
    fn reader(&self) -> &ReadOnlyCluster {
        &self.shared.reader
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Cluster")
            .field("servers", &self.shared.reader.servers())
            .field("prefix", &self.log_config().prefix)
            .finish_non_exhaustive()
    }
}

/// Whether an error says no more than that nobody answered.
pub(crate) fn is_silence(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::Authentication
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
        )
    )
}
