//! The way out of the doors: events go in, and come back acknowledged or not. Behind the trait stands the outbox, and
//! memory in tests.
use std::time::Duration;

use async_trait::async_trait;
use brainops_event::{Outgoing, Position, Timestamp, error_chain};
use brainops_log::MAX_RECORD_BYTES;
use brainops_outbox::{AppendError, Outbox, Receipt};

/// Where the log holds an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Where it stands.
    pub position: Position,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// Whether it was said before, so that it was not appended again.
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
    /// Another event of this source has the id; sending this one again cannot help.
    #[error(
        "the source has given this id to an event of another type, subject or data; a new event needs a new id"
    )]
    Conflict {
        /// Where the event stands that has the id; none while it is on its way to the log.
        first: Option<Position>,
    },
    /// Too many events wait for the log. Nothing of this one is kept; sending it again later helps.
    #[error("too many events wait for the log; nothing of this one is kept, send it again")]
    Full {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The event is kept and will be appended; the log has not acknowledged it in time.
    #[error(
        "the event is kept and will be appended; the log has not acknowledged it yet, and the same event again answers with its position"
    )]
    Unacknowledged,
    /// An event before it in the same request was not kept, so this one was not tried.
    #[error("an event before it was not kept, so this one was not tried; send it again")]
    NotTried,
    /// What keeps events until the log has them is away; whether this one is kept is unknown, and sending it again is
    /// safe.
    #[error("events cannot be kept now; send it again")]
    Unavailable,
    /// The registry or the cluster refuses the event for good, or a fault of ours.
    #[error("the log refuses the event")]
    Refused,
}

impl AppendFailure {
    /// Where the event stands that has this one's identity.
    pub(crate) fn first(&self) -> Option<&Position> {
        match self {
            Self::Conflict { first } => first.as_ref(),
            _ => None,
        }
    }

    /// How much it decides about a whole batch: what cannot pass outweighs what may, and what is not kept outweighs
    /// what is.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::TooLarge { .. } | Self::Conflict { .. } | Self::Refused => 3,
            Self::Unavailable => 2,
            Self::Full { .. } => 1,
            // The second is the effect of another failure.
            Self::Unacknowledged | Self::NotTried => 0,
        }
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
impl Append for Outbox {
    async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Acknowledged, AppendFailure>> {
        let results = Outbox::append_all(self, events).await;
        let faults =
            || results.iter().filter_map(|result| result.as_ref().err()).filter(|error| is_fault(error));
        if let Some(first) = faults().next() {
            let (failed, events) = (faults().count(), results.len());
            tracing::warn!(failed, events, first = %error_chain(first), "not all events of a request were acknowledged");
        }
        results.into_iter().map(|result| result.map(Acknowledged::from).map_err(failure)).collect()
    }
}

impl From<Receipt> for Acknowledged {
    fn from(Receipt { position, recorded_at, repeated }: Receipt) -> Self {
        Self { position, recorded_at, repeated }
    }
}

/// A conflict is the caller's; everything else is for whoever runs this.
fn is_fault(error: &AppendError) -> bool {
    !matches!(error, AppendError::Conflict { .. } | AppendError::TooLarge { .. })
}

fn failure(error: AppendError) -> AppendFailure {
    match error {
        AppendError::TooLarge { size, limit } => AppendFailure::TooLarge { found: size, limit },
        AppendError::Conflict { first } => AppendFailure::Conflict { first },
        AppendError::Full { retry_after } => AppendFailure::Full { retry_after },
        AppendError::NotAcknowledged { .. } => AppendFailure::Unacknowledged,
        AppendError::NotTried => AppendFailure::NotTried,
        error if error.is_transient() => AppendFailure::Unavailable,
        _ => AppendFailure::Refused,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_error_of_the_outbox_has_its_answer() {
        let first: Option<Position> = "brainops.lead/3@17".parse().ok();
        let second = Duration::from_secs(1);
        for (error, expected) in [
            (AppendError::Conflict { first: first.clone() }, AppendFailure::Conflict { first }),
            (AppendError::Full { retry_after: second }, AppendFailure::Full { retry_after: second }),
            (AppendError::TooLarge { size: 2, limit: 1 }, AppendFailure::TooLarge { found: 2, limit: 1 }),
            (AppendError::NotAcknowledged { limit: second }, AppendFailure::Unacknowledged),
            (AppendError::NotTried, AppendFailure::NotTried),
            (AppendError::Ended, AppendFailure::Unavailable),
            (AppendError::Database(Arc::new(sqlx::Error::PoolTimedOut)), AppendFailure::Unavailable),
        ] {
            assert_eq!(failure(error), expected);
        }
    }
}
