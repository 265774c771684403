//! A producer for whoever keeps order and outcomes himself, such as the relay: records complete as they will stand,
//! partitions chosen, answers as they come.
//!
//! The promise is [`super`]'s, said of one producer: records of a partition stand in the order in which they were
//! sent, without a gap, up to the first that fails. After that, nothing more may be sent, and what was not answered
//! may stand or not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brainops_event::{Offset, Partition, Timestamp, TopicName, timestamp_from_millis};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use thiserror::Error;
use tokio::sync::mpsc;

use super::producer::{is_refusal, producer_config};
use crate::cluster::Cluster;
use crate::config::ConfigError;
use crate::context::{log_error, log_line};

/// A record as it will stand.
#[derive(Debug, Clone, Copy)]
pub struct SentRecord<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The partition.
    pub partition: Partition,
    /// The key.
    pub key: &'a str,
    /// The headers in order.
    pub headers: &'a [(String, String)],
    /// The value.
    pub value: &'a [u8],
}

/// What became of a record.
#[derive(Debug)]
pub struct Delivery {
    /// What the sender called it.
    pub ticket: usize,
    /// Where it stands and when it was recorded, or why nobody can tell.
    pub result: Result<(Offset, Timestamp), DeliveryError>,
}

/// A record was not acknowledged: its producer has ended.
#[derive(Debug, Clone, Error)]
#[error("kafka did not acknowledge a record")]
pub struct DeliveryError {
    /// Whether the broker keeps such a record out of the log for certain; it will again.
    pub refused: bool,
    /// What the client said.
    #[source]
    pub source: KafkaError,
}

/// A record was not queued.
#[derive(Debug, Error)]
pub enum SendError {
    /// Too much waits for the brokers. Trying again later helps.
    #[error("the queue to kafka is full")]
    QueueFull,
    /// The producer has ended.
    #[error("the producer has ended")]
    Ended(#[source] Option<KafkaError>),
}

/// One producer, from its start to its first failed delivery.
pub struct Sender {
    client: ThreadedProducer<Answers>,
    ended: AtomicBool,
}

/// Hands every answer on.
struct Answers {
    deliveries: mpsc::UnboundedSender<Delivery>,
}

impl Sender {
    /// Starts a producer; what becomes of its records arrives at the other end, at most as many answers as records
    /// were sent. `linger` is how long records gather into a request.
    ///
    /// # Errors
    /// The Kafka client refuses its configuration.
    pub fn start(
        cluster: &Cluster,
        linger: Duration,
    ) -> Result<(Sender, mpsc::UnboundedReceiver<Delivery>), ConfigError> {
        let (deliveries, answers) = mpsc::unbounded_channel();
        let client = producer_config(cluster, linger)
            .create_with_context(Answers { deliveries })
            .map_err(ConfigError::Client)?;
        Ok((Sender { client, ended: AtomicBool::new(false) }, answers))
    }

    /// Queues a record. The answer bears its ticket.
    ///
    /// # Errors
    /// The queue is full, or the producer has ended: the record was not and will not be sent.
    pub fn send(&self, ticket: usize, record: SentRecord<'_>) -> Result<(), SendError> {
        if self.ended.load(Ordering::Acquire) {
            return Err(SendError::Ended(None));
        }
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        let headers = record.headers.iter().fold(headers, |all, (name, value)| {
            all.insert(Header { key: name, value: Some(value.as_bytes()) })
        });
        let queued = BaseRecord::with_opaque_to(record.topic.as_str(), ticket)
            .partition(record.partition.get())
            .key(record.key)
            .payload(record.value)
            .headers(headers);
        match self.client.send(queued) {
            Ok(()) => Ok(()),
            Err((error, _)) if error.rdkafka_error_code() == Some(Code::QueueFull) => {
                Err(SendError::QueueFull)
            }
            Err((error, _)) => Err(SendError::Ended(Some(error))),
        }
    }

    /// Gives up everything that is queued or on its way. May block for half a second when dropped after.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.client.purge(PurgeConfig::default().queue().inflight());
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Sender").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl ClientContext for Answers {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Answers {
    type DeliveryOpaque = usize;

    fn delivery(&self, answer: &DeliveryResult<'_>, ticket: usize) {
        let result = match answer {
            Ok(message) => match Offset::new(message.offset()) {
                Ok(offset) => {
                    let at = message.timestamp().to_millis().and_then(timestamp_from_millis);
                    Ok((offset, at.unwrap_or_default()))
                }
                Err(_) => Err(failure(KafkaError::MessageProduction(Code::BadMessage))),
            },
            Err((error, _)) => Err(failure(error.clone())),
        };
        self.deliveries.send(Delivery { ticket, result }).ok(); // nobody wants to know any more
    }
}

fn failure(source: KafkaError) -> DeliveryError {
    let refused = source.rdkafka_error_code().is_some_and(is_refusal);
    DeliveryError { refused, source }
}
