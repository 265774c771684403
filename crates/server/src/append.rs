//! The way out of the doors: events go in, and come back acknowledged or not. Behind the trait stands the log itself
//! now, the outbox later, and memory in tests.
use async_trait::async_trait;
use brainops_event::{Outgoing, Timestamp};
use brainops_log::{AppendError, Appended, Appender, MAX_RECORD_BYTES, Outcome};

/// Where the log holds an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Full name of the topic.
    pub topic: String,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// Whether the log held it already, so that it was not appended again.
    pub repeated: bool,
}

/// Why an event was not acknowledged. The messages go to the caller, so they say nothing about the inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendFailure {
    /// The record is larger than its topic takes; sending it again cannot help.
    #[error("the record has {found} bytes, and its topic takes {limit}")]
    TooLarge {
        /// Size of the record, bytes.
        found: usize,
        /// The topic's limit, bytes.
        limit: usize,
    },
    /// The log did not acknowledge it; whether it holds the event is unknown, and sending it again is safe.
    #[error("the log did not acknowledge the event; send it again")]
    Unacknowledged,
    /// The registry or the cluster refuses the event for good, or a fault of ours.
    #[error("the log refuses the event")]
    Refused,
}

impl AppendFailure {
    /// Whether sending the same event again may succeed.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unacknowledged)
    }
}

/// Appends events in the order given.
#[async_trait]
pub trait Append: Send + Sync {
    /// Whether the log would take the event, as far as that can be told before it is sent: its record's size.
    ///
    /// # Errors
    /// It would not, and never will as it is.
    fn check(&self, event: &Outgoing) -> Result<(), AppendFailure> {
        let (found, limit) = (record_bytes(event), MAX_RECORD_BYTES);
        if found > limit { Err(AppendFailure::TooLarge { found, limit }) } else { Ok(()) }
    }

    /// Appends all events and waits for each; the results stand in the order of the events.
    async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Acknowledged, AppendFailure>>;
}

/// What stands before the data in a record: a byte and the schema's id.
const PREFIX_BYTES: usize = 5;

/// Bytes of the event's record: its data behind the prefix, its headers and its key.
fn record_bytes(event: &Outgoing) -> usize {
    let headers = event.envelope.headers();
    let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    PREFIX_BYTES + event.datum.len() + headers + event.key().len()
}

#[async_trait]
impl Append for Appender {
    async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Acknowledged, AppendFailure>> {
        let results = Appender::append_all(self, events).await;
        let errors = results.iter().filter_map(|result| result.as_ref().err());
        if let Some(error) = errors.clone().next() {
            let (failed, events) = (errors.count(), results.len());
            tracing::warn!(failed, events, first = %brainops_event::error_chain(error), "the log did not acknowledge all events of a request");
        }
        results
            .into_iter()
            .map(|result| result.map(Acknowledged::from).map_err(|error| failure(&error)))
            .collect()
    }
}

impl From<Appended> for Acknowledged {
    fn from(appended: Appended) -> Self {
        let Appended { position, recorded_at } = appended;
        Self {
            topic: position.topic.to_string(),
            partition: position.partition.get(),
            offset: position.offset.get(),
            recorded_at,
            repeated: false,
        }
    }
}

fn failure(error: &AppendError) -> AppendFailure {
    match (error, error.outcome()) {
        (AppendError::TooLarge { size, limit }, _) => AppendFailure::TooLarge { found: *size, limit: *limit },
        (_, Outcome::NotThereYet | Outcome::Unknown) => AppendFailure::Unacknowledged,
        (_, Outcome::NeverThere) => AppendFailure::Refused,
    }
}
