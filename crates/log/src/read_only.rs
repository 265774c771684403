//! A cluster that can be read and cannot be written, by construction.
//!
//! Whoever replays history gets this and no [`Cluster`](crate::Cluster). Two things keep it from writing. It holds the
//! reader's login alone, so that Kafka refuses to append or to make a topic; and nothing in this crate that appends,
//! makes or deletes topics takes it, so that such code does not compile. Where nobody logs in (`PLAINTEXT`, or `SSL`
//! with one certificate for all), Kafka cannot tell who asks, and only the second holds.
//!
//! ```compile_fail,E0308
//! use brainops_log::{Appender, ConfigError, ReadOnlyCluster, Registry};
//!
//! fn append(cluster: &ReadOnlyCluster, registry: &Registry) -> Result<Appender, ConfigError> {
//!     Appender::new(cluster, registry) // wants a `Cluster`
//! }
//! ```
//!
//! The same with a cluster that may append is fine:
//!
//! ```
//! use brainops_log::{Appender, Cluster, ConfigError, Registry};
//!
//! fn append(cluster: &Cluster, registry: &Registry) -> Result<Appender, ConfigError> {
//!     Appender::new(cluster, registry)
//! }
//! ```
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brainops_event::{PositionError, TopicName};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use crate::cluster::{ALONE, ANSWER_LIMIT, Cluster, ClusterError, is_silence};
use crate::config::{ConfigError, Credentials, KafkaConfig, LogConfig, SecurityProtocol};
use crate::context::LoggingContext;
use crate::secret::{Secret, check_private};

/// A Kafka cluster as its reader sees it. Cheap to clone; connects when it is first asked something.
#[derive(Clone)]
pub struct ReadOnlyCluster {
    shared: Arc<Shared>,
}

struct Shared {
    /// Without anybody's login.
    kafka: KafkaConfig,
    log: LogConfig,
    reader: Option<Login>,
    key_password: Option<Secret>,
    asker: OnceLock<BaseConsumer<LoggingContext>>,
}

/// What can be read: a [`Cluster`], or a [`ReadOnlyCluster`]. No other type can be.
pub trait Readable: sealed::Sealed + Send + Sync {}

impl Readable for Cluster {}
impl Readable for ReadOnlyCluster {}
impl<C: Readable> Readable for &C {}

pub(crate) mod sealed {
    use super::ReadOnlyCluster;

    pub trait Sealed {
        fn reader(&self) -> &ReadOnlyCluster;
    }

    impl Sealed for ReadOnlyCluster {
        fn reader(&self) -> &ReadOnlyCluster {
            self
        }
    }

    impl<C: Sealed> Sealed for &C {
        fn reader(&self) -> &ReadOnlyCluster {
            (**self).reader()
        }
    }
}

impl ReadOnlyCluster {
    /// Checks the configuration and reads the reader's files that it names; what it says of the others is forgotten.
    /// Does not connect.
    ///
    /// # Errors
    /// A value cannot be true, or a file with a secret cannot be used: see [`ConfigError`].
    pub fn new(mut kafka: KafkaConfig, log: LogConfig) -> Result<ReadOnlyCluster, ConfigError> {
        kafka.check()?;
        log.check()?;
        let reader = Login::of(&kafka, "kafka.reader", kafka.reader.as_ref())?;
        (kafka.appender, kafka.reader, kafka.admin) = (None, None, None);
        if let Some(path) = &kafka.key_file {
            check_private(path).map_err(|source| ConfigError::Secret { field: "kafka.key_file", source })?;
        }
        let key_password = match &kafka.key_password_file {
            Some(path) => Some(read_secret("kafka.key_password_file", path)?),
            None => None,
        };
        let shared = Shared { kafka, log, reader, key_password, asker: OnceLock::new() };
        let cluster = ReadOnlyCluster { shared: Arc::new(shared) };
        cluster.client().create_native_config().map_err(ConfigError::Client)?;
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

    /// A configuration for a client of the reader, without anything that only consumers have.
    pub(crate) fn client(&self) -> ClientConfig {
        self.client_of("brainops-reader", self.shared.reader.as_ref())
    }

    /// A configuration for a client of whoever logs in so.
    pub(crate) fn client_of(&self, client_id: &str, login: Option<&Login>) -> ClientConfig {
        // The first call of all: OpenSSL must not tear itself down at the end of the process, while threads of the
        // client still use it; that ends in a crash now and then.
        openssl_sys::init();
        let kafka = &self.shared.kafka;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &kafka.bootstrap_servers)
            .set("security.protocol", kafka.security_protocol.as_str())
            .set("client.id", client_id)
            .set("socket.keepalive.enable", "true")
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        if let Some(mechanism) = kafka.sasl_mechanism {
            config.set("sasl.mechanism", mechanism.as_str());
        }
        if let Some(Login { username, password }) = login {
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
        let mut config = self.client();
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

impl fmt::Debug for ReadOnlyCluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ReadOnlyCluster")
            .field("servers", &self.servers())
            .field("prefix", &self.shared.log.prefix)
            .finish_non_exhaustive()
    }
}

/// A name and its password.
pub(crate) struct Login {
    username: String,
    password: Secret,
}

impl Login {
    /// Reads the password. Nobody logs in where the protocol has no login.
    pub(crate) fn of(
        kafka: &KafkaConfig,
        field: &'static str,
        credentials: Option<&Credentials>,
    ) -> Result<Option<Login>, ConfigError> {
        if !kafka.security_protocol.has_login() {
            return Ok(None);
        }
        let Some(credentials) = credentials else {
            return Err(ConfigError::Missing { field, because: "kafka.security_protocol" });
        };
        let password = read_secret(field, &credentials.password_file)?;
        Ok(Some(Login { username: credentials.username.clone(), password }))
    }
}

fn read_secret(field: &'static str, path: &Path) -> Result<Secret, ConfigError> {
    Secret::read(path).map_err(|source| ConfigError::Secret { field, source })
}
