//! A Kafka cluster as three principals see it: who appends, who reads, who makes topics.
//!
//! Every client of the platform is configured here, so that the wire contract (partitioner, acknowledgements,
//! isolation, checksums) is decided in one place.
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brainops_event::{PositionError, TopicName};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::config::{ConfigError, Credentials, KafkaConfig, LogConfig, SecurityProtocol};
use crate::context::LoggingContext;
use crate::secret::{Secret, check_private};

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
    kafka: KafkaConfig,
    log: LogConfig,
    logins: [Option<(String, Secret)>; 3],
    key_password: Option<Secret>,
    asker: OnceLock<BaseConsumer<LoggingContext>>,
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
        log.check()?;
        let logins = [
            login(&kafka, "kafka.appender", kafka.appender.as_ref())?,
            login(&kafka, "kafka.reader", kafka.reader.as_ref())?,
            login(&kafka, "kafka.admin", kafka.admin.as_ref())?,
        ];
        if let Some(path) = &kafka.key_file {
            check_private(path).map_err(|source| ConfigError::Secret { field: "kafka.key_file", source })?;
        }
        let key_password = match &kafka.key_password_file {
            Some(path) => Some(read_secret("kafka.key_password_file", path)?),
            None => None,
        };
        let asker = OnceLock::new();
        let cluster = Cluster { shared: Arc::new(Shared { kafka, log, logins, key_password, asker }) };
        for role in [Role::Appender, Role::Reader, Role::Admin] {
            cluster.client(role).create_native_config().map_err(ConfigError::Client)?;
        }
        Ok(cluster)
    }

    /// The full name of one of our topics, such as `brainops.lead` of `lead`.
    ///
    /// # Errors
    /// The name has letters that a topic cannot have.
    pub fn topic(&self, name: &str) -> Result<TopicName, PositionError> {
        TopicName::new(&format!("{}.{name}", self.shared.log.prefix))
    }

    /// How topics are named and made.
    pub fn log_config(&self) -> &LogConfig {
        &self.shared.log
    }

    /// How connections are secured.
    pub(crate) fn security_protocol(&self) -> SecurityProtocol {
        self.shared.kafka.security_protocol
    }

    /// The brokers as configured, for messages.
    pub(crate) fn servers(&self) -> &str {
        &self.shared.kafka.bootstrap_servers
    }

    /// A configuration for a client of this role, without anything that only producers or consumers have.
    pub(crate) fn client(&self, role: Role) -> ClientConfig {
        // The first call of all: OpenSSL must not tear itself down at the end of the process, while threads of the
        // client still use it; that ends in a crash now and then.
        openssl_sys::init();
        let kafka = &self.shared.kafka;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &kafka.bootstrap_servers)
            .set("security.protocol", kafka.security_protocol.as_str())
            .set("client.id", role.client_id())
            .set("socket.keepalive.enable", "true")
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        if let Some(mechanism) = kafka.sasl_mechanism {
            config.set("sasl.mechanism", mechanism.as_str());
        }
        if let Some((username, password)) = &self.shared.logins[role as usize] {
            config.set("sasl.username", username).set("sasl.password", password.reveal());
        }
        let files = [
            ("ssl.ca.location", &kafka.ca_file),
            ("ssl.certificate.location", &kafka.certificate_file),
            ("ssl.key.location", &kafka.key_file),
        ];
        for (name, path) in files {
            if let Some(path) = path {
                config.set(name, path.to_string_lossy());
            }
        }
        if let Some(password) = &self.shared.key_password {
            config.set("ssl.key.password", password.reveal());
        }
        config
    }

    /// A configuration for a consumer: never resets an offset by itself, never commits by itself, sees only what is
    /// committed, and checks what it got. Groups are named within the namespace, like topics.
    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client(Role::Reader);
        config
            .set("group.id", format!("{}.{group}", self.shared.log.prefix))
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("check.crcs", "true");
        config
    }

    /// Asks the cluster something, off the async threads.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: &'static str,
        ask: impl FnOnce(&BaseConsumer<LoggingContext>) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let cluster = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let asker = cluster.asker()?;
            let answer = ask(asker);
            asker.poll(Duration::ZERO); // hands on what the client has to report
            answer
        });
        match asked.await {
            Ok(answer) => answer.map_err(|source| self.error(question, source)),
            Err(_) => Err(self.error(question, KafkaError::Canceled)),
        }
    }

    fn asker(&self) -> Result<&BaseConsumer<LoggingContext>, KafkaError> {
        if let Some(asker) = self.shared.asker.get() {
            return Ok(asker);
        }
        let asker = self.consumer(ALONE).remove("group.id").create_with_context(LoggingContext)?;
        Ok(self.shared.asker.get_or_init(|| asker))
    }

    pub(crate) fn error(&self, question: &'static str, source: KafkaError) -> ClusterError {
        let (servers, source) = (self.servers().to_owned(), Box::new(source));
        if is_silence(&source) {
            ClusterError::NoAnswer { servers, question, limit: ANSWER_LIMIT, source }
        } else {
            ClusterError::Refused { servers, question, source }
        }
    }
}

impl Role {
    fn client_id(self) -> &'static str {
        match self {
            Role::Appender => "brainops-appender",
            Role::Reader => "brainops-reader",
            Role::Admin => "brainops-admin",
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Cluster")
            .field("servers", &self.servers())
            .field("prefix", &self.shared.log.prefix)
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

fn login(
    kafka: &KafkaConfig,
    field: &'static str,
    credentials: Option<&Credentials>,
) -> Result<Option<(String, Secret)>, ConfigError> {
    if !kafka.security_protocol.has_login() {
        return Ok(None);
    }
    let Some(credentials) = credentials else {
        return Err(ConfigError::Missing { field, because: "kafka.security_protocol" });
    };
    let password = read_secret(field, &credentials.password_file)?;
    Ok(Some((credentials.username.clone(), password)))
}

fn read_secret(field: &'static str, path: &Path) -> Result<Secret, ConfigError> {
    Secret::read(path).map_err(|source| ConfigError::Secret { field, source })
}
