//! Work for many hands: tasks that agents say (`agent.task.*`), claimed in Postgres by any number of workers, under leases,
//! and ended by events.
//!
//! ```text
//! agent.task.* ──▶ log ──▶ follow() ──▶ brainops.task ◀── claim ── worker
//!                   ▲                        ▲                       │
//!                   │      one transaction:  │ marked, and           ▼
//!                   └── relay ◀── outbox ◀───┴ agent.work.completed, .failed, .abandoned, .cancelled
//! ```
//!
//! | promise | where it is kept |
//! |---|---|
//! | a task is in one hand at a time | [`Tasks::claim`]: one statement; each claim raises the task's epoch |
//! | a task is ended once, by who has it | `mark.rs`: the claim is checked behind the row's lock, in the transaction that enqueues the event |
//! | an urgent task goes first, and none waits for ever | [`turn_at`]: one order, by time and head start |
//! | what became of tasks can be made again from the log | `follow/`: every fold of every order of partitions comes to the same rows |
//!
//! Facts about tasks are `agent.work.*` and not `agent.task.*`: those are the names of kinds of tasks, which agents choose,
//! and an exact type would take the name `completed` away from them.
//!
//! Knows log, outbox and checkpoints; knows no agent and no HTTP. Begin with [`Tasks`] and [`follow()`].

mod error;
mod follow;
mod listing;
mod mark;
mod metrics;
mod migrate;
mod name;
mod options;
mod row;
mod say;
mod shown;
mod standing;
mod tasks;
mod turn;

pub use error::{FieldError, TaskError};
pub use follow::{FollowError, FollowOptions, FollowStage, follow};
pub use listing::{Filter, find, list, unreadable};
pub use metrics::describe_metrics;
pub use migrate::migrate;
pub use name::{Claim, Kind, TaskName, Worker};
pub use options::{Backoff, Lease, TaskOptions};
pub use row::{State, Task};
pub use say::{Decider, Outcome};
pub use shown::ShownTask;
pub use standing::Holder;
pub use tasks::{Claimed, Failed, Tasks};
pub use turn::{head_start, turn_at};
