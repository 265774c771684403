//! Reserves events by their name, keeps them in Postgres, and relays them to Kafka in order.
//!
//! Knows Postgres and, through `log`, Kafka; does not know HTTP, read models or agents. Begin with [`migrate()`] and
//! [`Outbox`], the way in, and [`Relay`], which sends.
//!
//! ```text
//!   append_all -> committer ---- one transaction ----> reservation, outbox, outbox_record
//!       |         (group commit)                            |
//!       |                                                   v     numbers, then sends in that order
//!       +<------------- position ------------------------ relay --------------------------------> Kafka
//! ```
//!
//! | promise | where it is kept |
//! |---|---|
//! | an event is kept, with its name, or it is not | `reserve`: one transaction |
//! | the same event again gets the first position, another one of its name a conflict | `reserve` |
//! | what was committed is sent, in one order per partition, whoever dies | `relay`, `recovery` |
//! | the position that is answered is that of the first record | `relay::session`, `relay::recover` |
//! | an event behind a gate stands in the log only if its gate does | `gates`, `relay::sending` |
//! | what a transaction numbers itself is sent in the same order | `handover` |
//! | nothing is buffered without bound | `room`, `relay::flight` |

mod append;
mod committer;
mod config;
mod digest;
mod error;
mod gates;
mod handover;
mod listen;
mod metrics;
mod migrate;
mod outbox;
mod places;
mod prepared;
#[cfg(test)]
mod protocol_tests;
mod receipt;
mod recovery;
mod relay;
mod reserve;
mod room;
mod shards;
mod state;
mod waiters;

pub use config::{OutboxConfig, OutboxConfigError};
pub use error::{AppendError, NotOpen, OutboxError, RelayError};
pub use handover::Handover;
pub use metrics::describe_metrics;
pub use migrate::migrate;
pub use outbox::Outbox;
pub use prepared::Prepared;
pub use receipt::{Enqueued, Receipt};
pub use relay::Relay;
pub use reserve::{enqueue, enqueue_behind};
pub use state::{OutboxState, ShardState, StoppedPartition, state};
