//! What can go wrong on the way in, and whether trying again helps.

use std::sync::Arc;
use std::time::Duration;

use brainops_event::{Position, PositionError};
use brainops_log::{ClusterError, RegistryError};
use thiserror::Error;

use crate::config::OutboxConfigError;

/// The outbox cannot be made or opened.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// A setting cannot be true. Trying again does not help.
    #[error(transparent)]
    Config(#[from] OutboxConfigError),
    /// Its tables cannot be brought to their newest form.
    #[error("the tables of the outbox cannot be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Postgres did not do what it should. Trying again can help.
    #[error("the outbox cannot be opened")]
    Database(#[from] sqlx::Error),
    /// The number of shards changes only when the outbox is empty and no relay runs.
    #[error(
        "outbox.shards is {configured}, the database has {found}, and {pending} events are not sent or a relay runs: \
         let the relays empty the outbox and stop them before the number changes"
    )]
    Shards {
        /// The setting.
        configured: u16,
        /// What the database says.
        found: u16,
        /// How many events wait.
        pending: i64,
    },
}

/// Some shards have no live relay that has read the ends of its partitions. Trying again later helps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the outbox is not open: {shards}")]
pub struct NotOpen {
    /// Which shards are not open, in words, or why that cannot be told.
    pub shards: String,
}

/// Why an event has no position.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Another event has this source and id. Trying again does not help.
    #[error("another event has this source and id{}", .first.as_ref().map(|at| format!(": {at}")).unwrap_or_default())]
    Conflict {
        /// Where that one stands, if Kafka has acknowledged it.
        first: Option<Position>,
    },
    /// Too much waits for Kafka already. Nothing was kept; trying later helps.
    #[error("the outbox is full")]
    Full {
        /// When to try again.
        retry_after: Duration,
    },
    /// The event is larger than a record may be. Trying again does not help.
    #[error("the event takes {size} bytes, a record may have {limit}")]
    TooLarge {
        /// Bytes of value, key and headers together.
        size: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The id of its schema is not known. See [`RegistryError::is_transient`].
    #[error("the id of its schema is not known")]
    Schema(#[source] Arc<RegistryError>),
    /// Its topic cannot have that name. Trying again does not help.
    #[error("its topic cannot be named")]
    Topic(#[source] PositionError),
    /// It is not known how many partitions its topic has: Kafka was never asked, and does not answer or has no such
    /// topic.
    #[error("the partitions of its topic are not known")]
    Partitions(#[source] Arc<ClusterError>),
    /// It is reserved and kept, and will be sent; Kafka's acknowledgement was not seen in time. The same event again
    /// answers its position.
    #[error("it is kept, but kafka has not acknowledged it within {} s", limit.as_secs_f32())]
    NotAcknowledged {
        /// How long the caller waited.
        limit: Duration,
    },
    /// Postgres did not do what it should; the event may be kept all the same. Trying the same event again is right.
    #[error("the event cannot be kept")]
    Database(#[source] Arc<sqlx::Error>),
    /// An earlier event of the same call could not be kept, so this one was not tried.
    #[error("an earlier event of the same call was not kept")]
    NotTried,
    /// No relay has read the ends of the log yet, so nobody knows what was said before. Trying later helps.
    #[error(transparent)]
    NotOpen(#[from] NotOpen),
    /// The outbox has ended with its process.
    #[error("the outbox has ended")]
    Ended,
}

impl AppendError {
    /// Whether the same event may be taken later.
    pub fn is_transient(&self) -> bool {
        match self {
            AppendError::Full { .. }
            | AppendError::NotAcknowledged { .. }
            | AppendError::Database(_)
            | AppendError::NotTried
            | AppendError::NotOpen(_)
            | AppendError::Partitions(_)
            | AppendError::Ended => true,
            AppendError::Schema(error) => error.is_transient(),
            AppendError::Conflict { .. } | AppendError::TooLarge { .. } | AppendError::Topic(_) => false,
        }
    }
}

/// The relay cannot go on. What passes by itself (Kafka or Postgres away, a lost lease) is none of this.
#[derive(Debug, Error)]
pub enum RelayError {
    /// A task of it ended by a panic.
    #[error("a task of the relay panicked")]
    Panicked(#[source] tokio::task::JoinError),
}
