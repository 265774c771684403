//! Appends events straight to Kafka and says where each one stands.
//!
//! **The promise.** An event that was answered with a position stands there, acknowledged by all in-sync copies.
//! Events of one `append_all` keep their order within each subject, whatever fails.
//!
//! **The danger** is an unknown outcome: the broker took the record, its answer was lost. The client repeats inside
//! one producer, whose sequence numbers make the broker drop the repeat. What it gives up is answered with
//! [`AppendError::Unknown`], and the caller appends the same event, with the same id, again: readers count it once.
//!
//! **Order.** A repeat must not overtake what was sent before it. So the client's own time limit is off (it would
//! give up one record and go on with the next), and the first delivery that fails ends its whole producer:
//! everything outstanding fails with it, in order, and the next append begins with a new one.
//!
//! | what happened | error | the same event again |
//! |---|---|---|
//! | it never left this process | `NotSent`, `QueueFull` | may be appended |
//! | we or the broker refused it | `TooLarge`, `Refused` | is refused again |
//! | no answer within 30 s | `Unknown` | must be appended before any other of its subject |
mod error;
mod pipeline;
mod producer;
mod sender;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brainops_event::{Outgoing, Position, Timestamp, TopicName, frame};

pub use error::{AppendError, Outcome};
use pipeline::Pipeline;
use producer::{Delivery as OnTheWay, LINGER, Producer};
pub use sender::{Delivery, DeliveryError, SendError, Sender, SentRecord};

use crate::cluster::{Cluster, MAX_RECORD_BYTES};
use crate::config::ConfigError;
use crate::registry::Registry;

/// How long an acknowledgement may take before the outcome is called unknown.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Appends events. Cheap to clone; clones share one producer.
#[derive(Clone)]
pub struct Appender {
    shared: Arc<Shared>,
    answer_limit: Duration,
}

struct Shared {
    cluster: Cluster,
    registry: Registry,
    linger: Duration,
    current: Mutex<Arc<Producer>>,
}

/// An event that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Where.
    pub position: Position,
    /// When the broker recorded it.
    pub recorded_at: Timestamp,
}

/// An event as the record that it will be.
struct Ready {
    topic: TopicName,
    value: Vec<u8>,
    outgoing: Outgoing,
}

/// A record on its way.
struct Sent {
    producer: Arc<Producer>,
    topic: TopicName,
    delivery: OnTheWay,
}

impl Appender {
    /// Makes an appender. Does not connect.
    ///
    /// # Errors
    /// The Kafka client refuses its configuration.
    pub fn new(cluster: &Cluster, registry: &Registry) -> Result<Appender, ConfigError> {
        Appender::lingering(cluster, registry, LINGER)
    }

    /// The same for who waits for each acknowledgement before going on: nothing is gathered, each append goes at once.
    ///
    /// # Errors
    /// The Kafka client refuses its configuration.
    pub fn prompt(cluster: &Cluster, registry: &Registry) -> Result<Appender, ConfigError> {
        Appender::lingering(cluster, registry, Duration::ZERO)
    }

    fn lingering(cluster: &Cluster, registry: &Registry, linger: Duration) -> Result<Appender, ConfigError> {
        let producer = Producer::start(cluster, linger).map_err(ConfigError::Client)?;
        let current = Mutex::new(Arc::new(producer));
        let (cluster, registry) = (cluster.clone(), registry.clone());
        let shared = Arc::new(Shared { cluster, registry, linger, current });
        Ok(Appender { shared, answer_limit: ANSWER_LIMIT })
    }

    /// The same, with another limit than 30 s for acknowledgements.
    pub fn with_answer_limit(self, answer_limit: Duration) -> Appender {
        Appender { answer_limit, ..self }
    }

    /// Appends one event and waits until it is acknowledged, or given up after 30 s.
    ///
    /// # Errors
    /// See [`AppendError`]; [`AppendError::outcome`] tells what may have happened.
    pub async fn append(&self, outgoing: Outgoing) -> Result<Appended, AppendError> {
        let ready = self.prepare(outgoing).await?;
        let sent = self.send(&self.producer(), ready)?;
        self.wait(sent).await
    }

    /// Appends events in order, many on their way at once, and answers for each in the same order. One that is
    /// refused before it is sent does not keep back the others; after the first failed delivery nothing more is
    /// sent, and the rest is answered with [`AppendError::NotSent`].
    pub async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Appended, AppendError>> {
        let mut pipeline = Pipeline::new(self, events.len());
        for event in events {
            pipeline.take(event).await;
        }
        pipeline.finish().await
    }

    /// Waits until nothing is on its way any more, for `limit` at most; true when it is so.
    pub async fn drain(&self, limit: Duration) -> bool {
        let producer = self.producer();
        tokio::task::spawn_blocking(move || producer.flush(limit)).await.unwrap_or(false)
    }

    async fn prepare(&self, outgoing: Outgoing) -> Result<Ready, AppendError> {
        let topic = self.shared.cluster.topic(outgoing.topic()).map_err(AppendError::Topic)?;
        let id = self.shared.registry.id_for(outgoing.schema).await.map_err(AppendError::Schema)?;
        let value = frame(id, &outgoing.datum);
        let headers = outgoing.envelope.headers();
        let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let size = value.len() + headers + outgoing.key().len();
        if size > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge { size, limit: MAX_RECORD_BYTES });
        }
        Ok(Ready { topic, value, outgoing })
    }

    fn send(&self, producer: &Arc<Producer>, ready: Ready) -> Result<Sent, AppendError> {
        let Ready { topic, value, outgoing } = ready;
        match producer.send(&topic, &value, outgoing) {
            Ok(delivery) => Ok(Sent { producer: Arc::clone(producer), topic, delivery }),
            Err(full @ AppendError::QueueFull(_)) => Err(full),
            Err(error) => {
                self.retire(producer);
                Err(error)
            }
        }
    }

    async fn wait(&self, sent: Sent) -> Result<Appended, AppendError> {
        let Sent { producer, topic, delivery } = sent;
        let answer = delivery.answer(&producer, &topic, self.answer_limit).await;
        if answer.is_err() {
            self.retire(&producer);
        }
        answer
    }

    fn producer(&self) -> Arc<Producer> {
        Arc::clone(&self.shared.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends a producer whose order can no longer be trusted, and puts a new one in its place.
    fn retire(&self, failed: &Arc<Producer>) {
        let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, failed) {
            return; // somebody else did already
        }
        failed.end();
        match Producer::start(&self.shared.cluster, self.shared.linger) {
            Ok(fresh) => *current = Arc::new(fresh),
            Err(error) => tracing::error!(%error, "no new kafka producer can be made"), // the next append tries again
        }
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Appender").field("cluster", &self.shared.cluster).finish_non_exhaustive()
    }
}
