//! Records that no appender of ours would write: poison, misplaced, foreign.

use std::fs;
use std::time::Duration;

use brainops_event::{Offset, Partition, TopicName};
use brainops_log::{KafkaConfig, SaslMechanism, SecurityProtocol};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::namespace::Namespace;

/// How long Kafka may take to acknowledge a record.
const ACK_LIMIT: Duration = Duration::from_secs(15);

/// A record as its bytes.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The partition; where its key belongs when there is none.
    pub partition: Option<Partition>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The value.
    pub value: Option<&'a [u8]>,
}

impl Namespace {
    /// Appends a record as it is, as the appender's principal.
    ///
    /// # Panics
    /// When Kafka does not take it.
    pub async fn append_raw(&self, record: RawRecord<'_>) -> (Partition, Offset) {
        let producer: FutureProducer = config(&self.stack().kafka).create().expect("a producer");
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        let mut message: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(record.topic.as_str()).headers(headers);
        message.partition = record.partition.map(Partition::get);
        message.key = record.key;
        message.payload = record.value;
        let sent = producer.send(message, ACK_LIMIT).await;
        let delivery = sent.unwrap_or_else(|(error, _)| panic!("kafka does not take a record: {error}"));
        let partition = Partition::new(delivery.partition).expect("a partition");
        (partition, Offset::new(delivery.offset).expect("an offset"))
    }
}

impl Namespace {
    /// Lets the log forget what stands in a partition before an offset, as retention does.
    ///
    /// # Panics
    /// When Kafka does not do it.
    pub async fn forget_before(&self, topic: &TopicName, partition: Partition, offset: Offset) {
        let mut kafka = self.stack().kafka.clone();
        kafka.appender = kafka.admin.clone();
        let mut config = config(&kafka);
        config.remove("partitioner").remove("acks");
        let admin: AdminClient<DefaultClientContext> = config.create().expect("an administrator's client");
        let mut cut = TopicPartitionList::new();
        let offset = rdkafka::Offset::Offset(offset.get());
        cut.add_partition_offset(topic.as_str(), partition.get(), offset).expect("a partition");
        let options = AdminOptions::new().operation_timeout(Some(ACK_LIMIT));
        let done = admin.delete_records(&cut, &options).await;
        done.unwrap_or_else(|error| panic!("kafka does not forget: {error}"));
    }
}

fn config(kafka: &KafkaConfig) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("partitioner", "murmur2_random")
        .set("acks", "all");
    let protocol = match kafka.security_protocol {
        SecurityProtocol::Plaintext => "PLAINTEXT",
        SecurityProtocol::Ssl => "SSL",
        SecurityProtocol::SaslPlaintext => "SASL_PLAINTEXT",
        SecurityProtocol::SaslSsl => "SASL_SSL",
    };
    config.set("security.protocol", protocol);
    let mechanism = kafka.sasl_mechanism.map(|mechanism| match mechanism {
        SaslMechanism::Plain => "PLAIN",
        SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
        SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
    });
    if let (Some(mechanism), Some(login)) = (mechanism, &kafka.appender) {
        let password = fs::read_to_string(&login.password_file).expect("the appender's password");
        config
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", &login.username)
            .set("sasl.password", password.trim_end_matches('\n'));
    }
    if let Some(ca_file) = &kafka.ca_file {
        config.set("ssl.ca.location", ca_file.to_string_lossy());
    }
    config
}
