//! One Kafka producer: from its start until its first failed delivery.
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use brainops_event::{Offset, Outgoing, Partition, Position, TopicName, timestamp_from_millis};
use metrics::{counter, histogram};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::{Delivery as Delivered, DeliveryFuture};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig};

use super::{AppendError, Appended};
use crate::cluster::{Cluster, MAX_RECORD_BYTES, Role};
use crate::context::LoggingContext;
use crate::metrics::{APPEND_FAILURES, APPEND_SECONDS, APPENDED_EVENTS};

/// What may wait in memory for the brokers.
const QUEUE_LIMIT_RECORDS: usize = 50_000;
const QUEUE_LIMIT_KIB: usize = 65_536;
/// How long records gather into a request; a lone append waits as long.
pub(super) const LINGER: Duration = Duration::from_millis(5);

pub(super) struct Producer {
    client: FutureProducer<LoggingContext>,
    /// Set once. Whoever sends holds it for reading, so that nothing is queued after the end.
    ended: RwLock<bool>,
}

/// A record on its way.
pub(super) struct Delivery {
    answer: DeliveryFuture,
    since: Instant,
}

impl Producer {
    pub(super) fn start(cluster: &Cluster, linger: Duration) -> Result<Producer, KafkaError> {
        let client = producer_config(cluster, linger).create_with_context(LoggingContext)?;
        Ok(Producer { client, ended: RwLock::new(false) })
    }

    pub(super) fn send(
        &self,
        topic: &TopicName,
        value: &[u8],
        outgoing: Outgoing,
    ) -> Result<Delivery, AppendError> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return Err(AppendError::NotSent(None));
        }
        let headers = outgoing.envelope.headers();
        let headers =
            headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (name, value)| {
                all.insert(Header { key: name, value: Some(value.as_bytes()) })
            });
        let record = FutureRecord::to(topic.as_str()).key(outgoing.key()).payload(value).headers(headers);
        match self.client.send_result(record).map_err(|(error, _)| error) {
            Ok(answer) => Ok(Delivery { answer, since: Instant::now() }),
            Err(error) if error.rdkafka_error_code() == Some(Code::QueueFull) => {
                Err(AppendError::QueueFull(Box::new(outgoing)))
            }
            Err(error) => Err(self.not_queued(topic, error)),
        }
    }

    /// True when everything was answered for in time.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        self.client.flush(limit).is_ok()
    }

    /// What was never queued was never sent.
    fn not_queued(&self, topic: &TopicName, error: KafkaError) -> AppendError {
        match failure(topic, self.cause(error)) {
            AppendError::Unknown { source, .. } => AppendError::NotSent(Some(source)),
            other => other,
        }
    }

    /// An error that a producer gives after it broke says only that it broke.
    fn cause(&self, error: KafkaError) -> KafkaError {
        let says_little = matches!(error.rdkafka_error_code(), Some(Code::Fatal | Code::PurgeQueue));
        match self.client.client().fatal_error() {
            Some((code, _)) if says_little && is_refusal(code) => KafkaError::MessageProduction(code),
            _ => error,
        }
    }

    /// Gives up everything that is queued or on its way; each is answered with an error.
    pub(super) fn end(&self) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        *ended = true;
        self.client.purge(PurgeConfig::default().queue().inflight());
    }
}

impl Delivery {
    pub(super) async fn answer(
        self,
        producer: &Producer,
        topic: &TopicName,
        limit: Duration,
    ) -> Result<Appended, AppendError> {
        let deadline = tokio::time::Instant::from_std(self.since + limit);
        let answer = match tokio::time::timeout_at(deadline, self.answer).await {
            Ok(Ok(Ok(delivered))) => position(topic, &delivered),
            Ok(Ok(Err((error, _)))) => Err(failure(topic, producer.cause(error))),
            Ok(Err(_)) => Err(unknown(topic, KafkaError::Canceled)),
            Err(_) => Err(unknown(topic, KafkaError::MessageProduction(Code::MessageTimedOut))),
        };
        let label = topic.as_str().to_owned();
        match &answer {
            Ok(_) => {
                histogram!(APPEND_SECONDS, "topic" => label.clone()).record(self.since.elapsed());
                counter!(APPENDED_EVENTS, "topic" => label).increment(1);
            }
            Err(_) => counter!(APPEND_FAILURES, "topic" => label).increment(1),
        }
        answer
    }
}

/// Of every producer: idempotent, without gaps, acknowledged by all in-sync copies.
pub(super) fn producer_config(cluster: &Cluster, linger: Duration) -> ClientConfig {
    let mut config = cluster.client(Role::Appender);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("enable.gapless.guarantee", "true")
        .set("message.timeout.ms", "0") // see the module comment: time limits are ours, not the client's
        .set("partitioner", "murmur2_random")
        // How long a client that missed which broker leads a partition may go on without asking again.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("compression.type", "zstd")
        .set("linger.ms", linger.as_millis().to_string())
        .set("message.max.bytes", (MAX_RECORD_BYTES + 1024).to_string()) // and the client's own framing
        .set("queue.buffering.max.messages", QUEUE_LIMIT_RECORDS.to_string())
        .set("queue.buffering.max.kbytes", QUEUE_LIMIT_KIB.to_string());
    config
}

fn position(topic: &TopicName, delivered: &Delivered) -> Result<Appended, AppendError> {
    let nonsense = |_| unknown(topic, KafkaError::MessageProduction(Code::BadMessage));
    let partition = Partition::new(delivered.partition).map_err(nonsense)?;
    let offset = Offset::new(delivered.offset).map_err(nonsense)?;
    let recorded_at = delivered.timestamp.to_millis().and_then(timestamp_from_millis);
    let position = Position { topic: topic.clone(), partition, offset };
    Ok(Appended { position, recorded_at: recorded_at.unwrap_or_default() })
}

fn failure(topic: &TopicName, error: KafkaError) -> AppendError {
    match error.rdkafka_error_code() {
        Some(code) if is_refusal(code) => AppendError::Refused { topic: topic.clone(), source: error },
        _ => unknown(topic, error),
    }
}

/// Only what certainly keeps a record out of the log is a refusal. What was purged from the queue is not: it may be a
/// repeat of what was sent before.
pub(super) fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::InvalidRecord
            | Code::InvalidTopic
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::UnsupportedCompressionType
    )
}

fn unknown(topic: &TopicName, source: KafkaError) -> AppendError {
    AppendError::Unknown { topic: topic.clone(), source }
}
