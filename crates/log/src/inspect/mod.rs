//! Looks at a cluster from outside, for whoever wants to know whether it is as it should be: what it is, and what
//! each of our principals may do there. Changes nothing; whether transactions are refused is tried, since no question
//! answers it.

mod native;
mod versions;

use std::collections::BTreeSet;
use std::time::Duration;

use brainops_event::TopicName;
use rdkafka::admin::AdminClient;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

pub use native::Operation;

use crate::cluster::{Cluster, ClusterError, Role};
use crate::config::SecurityProtocol;
use crate::context::LoggingContext;
use crate::read_only::{Readable, sealed::Sealed as _};

/// How long one question may take here: who looks around does not wait as long as who works.
const LOOK_LIMIT: Duration = Duration::from_secs(4);

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterIdentity {
    /// Its id, if it tells.
    pub id: Option<String>,
    /// Its brokers as `host:port`.
    pub brokers: Vec<String>,
    /// Level of the feature `metadata.version`, which says the release that all brokers agreed on; `None` when it is
    /// not told, or not asked because connections are encrypted.
    pub metadata_level: Option<i16>,
}

/// Who logs in to Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Who appends.
    Appender,
    /// Who reads.
    Reader,
    /// Who makes topics.
    Admin,
}

impl Principal {
    fn role(self) -> Role {
        match self {
            Principal::Appender => Role::Appender,
            Principal::Reader => Role::Reader,
            Principal::Admin => Role::Admin,
        }
    }
}

/// What a principal may do with a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPermissions {
    /// The topic.
    pub topic: TopicName,
    /// What it may do; `None` when it does not see the topic, or the cluster does not tell.
    pub operations: Option<BTreeSet<Operation>>,
}

/// What the cluster is.
///
/// # Errors
/// It is silent or refuses.
pub async fn cluster_identity(cluster: &impl Readable) -> Result<ClusterIdentity, ClusterError> {
    let cluster = cluster.reader();
    let question = "what it is";
    let (id, brokers) = cluster
        .ask(question, |asker| {
            let metadata = asker.client().fetch_metadata(None, LOOK_LIMIT)?;
            let broker =
                |broker: &rdkafka::metadata::MetadataBroker| format!("{}:{}", broker.host(), broker.port());
            let brokers: Vec<String> = metadata.brokers().iter().map(broker).collect();
            Ok((asker.client().fetch_cluster_id(LOOK_LIMIT), brokers))
        })
        .await?;
    let plain =
        matches!(cluster.security_protocol(), SecurityProtocol::Plaintext | SecurityProtocol::SaslPlaintext);
    let metadata_level = match brokers.first() {
        Some(broker) if plain => versions::metadata_level(broker, LOOK_LIMIT).await,
        _ => None,
    };
    Ok(ClusterIdentity { id, brokers, metadata_level })
}

/// Whether anybody has to log in; where nobody has to, everybody may do everything.
#[must_use]
pub fn has_logins(cluster: &impl Readable) -> bool {
    cluster.reader().security_protocol().has_login()
}

/// What a principal may do with each of these topics.
///
/// # Errors
/// The cluster is silent or refuses.
pub async fn topic_permissions(
    cluster: &Cluster,
    principal: Principal,
    topics: &[TopicName],
) -> Result<Vec<TopicPermissions>, ClusterError> {
    let question = "what a principal may do";
    let (config, topics) = (cluster.client(principal.role()), topics.to_vec());
    let asked = tokio::task::spawn_blocking(move || {
        let admin: AdminClient<LoggingContext> = config.create_with_context(LoggingContext)?;
        native::authorized_operations(admin.inner(), &topics, LOOK_LIMIT)
    });
    match asked.await {
        Ok(answer) => answer.map_err(|source| cluster.reader().error(question, source)),
        Err(_) => Err(cluster.reader().error(question, KafkaError::Canceled)),
    }
}

/// Whether a principal may begin transactions on our topics, which would make their offsets less than dense. Tried
/// with an id of our namespace; where it is allowed, Kafka remembers the id for a week, and nothing else is changed.
///
/// # Errors
/// The cluster is silent or refuses for another reason.
pub async fn may_use_transactions(cluster: &Cluster, principal: Principal) -> Result<bool, ClusterError> {
    let question = "whether transactions are refused";
    let mut config = cluster.client(principal.role());
    config.set("transactional.id", format!("{}.doctor", cluster.log_config().prefix));
    let tried = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer<Quiet> = config.create_with_context(Quiet)?;
        producer.init_transactions(LOOK_LIMIT)
    });
    let refused = |error: &KafkaError| {
        let code = error.rdkafka_error_code();
        code == Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed)
            || code == Some(RDKafkaErrorCode::ClusterAuthorizationFailed)
    };
    match tried.await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if refused(&error) => Ok(false),
        Ok(Err(source)) => Err(cluster.reader().error(question, source)),
        Err(_) => Err(cluster.reader().error(question, KafkaError::Canceled)),
    }
}

/// A refusal is what is hoped for here: nobody needs to be warned of it.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "kafka client: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "kafka client: {reason}");
    }
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {} // nothing is ever sent
}
