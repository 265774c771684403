//! Kafka without the runtime's own reader: what stands in a topic, byte for byte, and what no appender would do.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use brainops_event::TopicName;
use brainops_log::KafkaConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// How long a broker may take for an answer.
const LIMIT: Duration = Duration::from_secs(20);

/// What a record says of itself, as far as the trial looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFacts {
    /// Its offset.
    pub offset: i64,
    /// When the broker recorded it, in milliseconds since the Unix epoch.
    pub recorded_millis: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The header `ce_source`.
    pub source: String,
    /// The header `ce_id`.
    pub id: String,
    /// The header `ce_type`.
    pub kind: String,
    /// The header `ce_subject`.
    pub subject: Option<String>,
}

/// A way to Kafka as its administrator.
#[derive(Debug, Clone)]
pub struct Raw(ClientConfig);

impl Raw {
    /// The way to this cluster.
    ///
    /// # Panics
    /// When its administrator's password cannot be read.
    pub fn new(kafka: &KafkaConfig) -> Self {
        let admin = kafka.admin.as_ref().expect("an administrator");
        let password = std::fs::read_to_string(&admin.password_file).expect("a password");
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &kafka.bootstrap_servers)
            .set("security.protocol", "SASL_PLAINTEXT")
            .set("sasl.mechanism", "SCRAM-SHA-256")
            .set("sasl.username", &admin.username)
            .set("sasl.password", password.trim_end())
            .set("allow.auto.create.topics", "false")
            .set("message.max.bytes", "1048576")
            .set("partitioner", "murmur2_random")
            .set("acks", "all");
        Self(config)
    }

    /// Everything that stands in a topic now, by partition.
    ///
    /// # Errors
    /// When the broker does not give all of it in time.
    pub async fn all(&self, topic: &TopicName) -> anyhow::Result<BTreeMap<i32, Vec<RawFacts>>> {
        let (config, topic) = (self.0.clone(), topic.to_string());
        tokio::task::spawn_blocking(move || read_all(&config, &topic)).await?
    }

    /// An administrator's client.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn admin(&self) -> (AdminClient<DefaultClientContext>, AdminOptions) {
        let options = AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT));
        (self.0.create().expect("an administrator's client"), options)
    }

    /// Appends records as they are, many at once, and answers with partition and offset of each.
    ///
    /// # Errors
    /// When the broker does not take one.
    pub async fn append(
        &self,
        topic: &TopicName,
        records: Vec<RawRecord>,
    ) -> anyhow::Result<Vec<(i32, i64)>> {
        append(&self.0, topic, records).await
    }

    /// The same, compressed: what is large and dull becomes small enough for the broker.
    ///
    /// # Errors
    /// When the broker does not take one.
    pub async fn append_packed(
        &self,
        topic: &TopicName,
        records: Vec<RawRecord>,
    ) -> anyhow::Result<Vec<(i32, i64)>> {
        let mut config = self.0.clone();
        config.set("compression.type", "zstd").set("message.max.bytes", "500000000");
        append(&config, topic, records).await
    }
}

async fn append(
    config: &ClientConfig,
    topic: &TopicName,
    records: Vec<RawRecord>,
) -> anyhow::Result<Vec<(i32, i64)>> {
    let producer: FutureProducer = config.create().context("no producer")?;
    let sent = records.iter().map(|record| {
        let mut message: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic.as_str());
        message = message.headers(record.headers());
        message.partition = record.partition;
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        producer.send(message, LIMIT)
    });
    let mut positions = Vec::new();
    for sent in futures::future::join_all(sent).await {
        let delivery = sent.map_err(|(error, _)| error).context("a raw record is not taken")?;
        positions.push((delivery.partition, delivery.offset));
    }
    Ok(positions)
}

/// A record that no appender of ours would write.
#[derive(Debug, Clone, Default)]
pub struct RawRecord {
    /// Its partition; where its key belongs when there is none.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

impl RawRecord {
    /// A record of an event of the trial, with this value.
    pub fn of_event(number: u64, subject: &str, value: impl Into<Vec<u8>>) -> Self {
        let id = crate::model::id_of(number);
        let text = [
            ("ce_specversion", "1.0"),
            ("ce_id", id.as_str()),
            ("ce_source", crate::model::SOURCE),
            ("ce_type", "business.metric.recorded"),
            ("ce_subject", subject),
            ("content-type", "application/vnd.confluent.avro"),
        ];
        let headers = text.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { partition: None, key: Some(subject.into()), headers, value: Some(value.into()) }
    }

    fn headers(&self) -> rdkafka::message::OwnedHeaders {
        self.headers.iter().fold(rdkafka::message::OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(rdkafka::message::Header { key, value: Some(value) })
        })
    }
}

fn read_all(config: &ClientConfig, topic: &str) -> anyhow::Result<BTreeMap<i32, Vec<RawFacts>>> {
    let mut config = config.clone();
    config.set("group.id", "brainops-trial-raw").set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "error").set("enable.partition.eof", "false");
    let consumer: BaseConsumer = config.create().context("no consumer")?;
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT).context("no metadata")?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let (mut assigned, mut ends, mut all) = (TopicPartitionList::new(), BTreeMap::new(), BTreeMap::new());
    for partition in 0..i32::try_from(partitions)? {
        let (low, high) = consumer.fetch_watermarks(topic, partition, LIMIT).context("no watermarks")?;
        all.insert(partition, Vec::new());
        if high > low {
            assigned.add_partition_offset(topic, partition, Offset::Offset(low))?;
            ends.insert(partition, high);
        }
    }
    consumer.assign(&assigned)?;
    let deadline = std::time::Instant::now() + LIMIT * 3;
    while !ends.is_empty() {
        anyhow::ensure!(std::time::Instant::now() < deadline, "the end of {topic} is not reached: {ends:?}");
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message.context("a record cannot be read")?;
        let (partition, facts) = (message.partition(), facts(&message));
        if ends.get(&partition).is_some_and(|end| facts.offset + 1 >= *end) {
            ends.remove(&partition);
        }
        all.entry(partition).or_default().push(facts);
    }
    Ok(all)
}

fn facts(message: &BorrowedMessage<'_>) -> RawFacts {
    let header = |name: &str| {
        let headers = message.headers()?;
        let found = headers.iter().find(|header| header.key == name)?.value?;
        Some(String::from_utf8_lossy(found).into_owned())
    };
    RawFacts {
        offset: message.offset(),
        recorded_millis: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        source: header("ce_source").unwrap_or_default(),
        id: header("ce_id").unwrap_or_default(),
        kind: header("ce_type").unwrap_or_default(),
        subject: header("ce_subject"),
    }
}
