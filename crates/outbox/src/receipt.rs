//! What a caller gets for an event.

use brainops_event::{Position, Timestamp};

/// An event that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where its first record stands.
    pub position: Position,
    /// When Kafka recorded it.
    pub recorded_at: Timestamp,
    /// Whether the same event had been said before.
    pub repeated: bool,
}

/// What became of an event that was enqueued in somebody's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enqueued {
    /// It is queued: once the transaction is committed, it will be sent.
    New {
        /// Number of its row.
        outbox_id: i64,
    },
    /// The same event was said before.
    Repeated {
        /// Number of its row, as long as there is one.
        outbox_id: Option<i64>,
        /// Where it stands and when it was recorded, if that is known yet.
        first: Option<(Position, Timestamp)>,
    },
    /// Another event has this source and id.
    Conflict {
        /// Where that one stands, if that is known yet.
        first: Option<Position>,
    },
}
