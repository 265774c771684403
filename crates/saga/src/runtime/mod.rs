//! Runs an agent: follows its topics as one member of a group, and lets instances react in transactions.
//!
//! ```text
//! route ──▶ BEGIN ──▶ move checkpoints ──▶ lock instances ──▶ inbox ──▶ react ──▶ save ──▶ outbox ──▶ COMMIT
//!   ▲         (epoch, offset, topic id;      (in one order)                │                            │
//!   │          lost partitions drop out)                                   │                            ├─ hand over, or wake the relay
//!   ├── a decision of that id stands in other words: that input parks ◀────┘                            │
//!   ├── the same again after a pause ◀── deadlock, lost connection, full outbox, ...                    │
//!   └── the same again ◀── not committed ◀── checkpoints read behind locks ◀── no answer ───────────────┘
//! ```
//!
//! While it is behind, a few batches are read ahead, and between two of them the urgent inputs of later ones are taken, each
//! saga's in order (`ahead.rs`): their transaction holds the checkpoints and moves none, and when their batch comes they are
//! repeats. Since every such transaction is followed by a batch, urgent inputs delay the others and never starve them.
//!
//! BEGIN holds the stop switch for the transaction (`switch.rs`): where it is thrown, nothing of this is done.
//!
//! Two processes that own one partition are told apart by the epoch: one of them moves nothing. Two processes with events
//! for one instance, from different partitions, are put in order by the lock on its row, and `saga.reacted` says in which.

mod ahead;
mod apply;
pub(crate) mod budget;
mod error;
mod put_off;
mod react;
mod run;
mod session;
mod sort;
mod store;
mod tell;
mod write;

pub use error::RunError;
pub(crate) use run::keeper;
pub use run::{SagaOptions, Stage, run};
pub(crate) use store::{StoreError, inbox_name, instance, lock};
pub(crate) use write::{Before, leave_places, note_taken, save};
