//! Replays sagas: what an agent, or its next version, decides about inputs that stand in the log.
//!
//! The order in which a saga took its inputs, from several partitions, is what `saga.reacted` says. So a replay reads the
//! topic `saga` first, with the inputs that stand there, and then the other topics; a saga takes the next of its
//! transactions as soon as all inputs of it were read. Memory grows with the number of transactions between the two frontiers, and not with what else
//! stands in the topics, nor with the number of workers among whom the sagas are shared out ([`replay_at`]).
//!
//! Nothing here can append: it has a [`ReadOnlyCluster`](brainops_log::ReadOnlyCluster), no database and no outbox.
//!
//! ```compile_fail,E0308
//! use brainops_log::{Appender, ConfigError, ReadOnlyCluster, Registry};
//!
//! fn append(replayed_from: &ReadOnlyCluster, registry: &Registry) -> Result<Appender, ConfigError> {
//!     Appender::new(replayed_from, registry)
//! }
//! ```
//!
//! **Another version.** The inputs are those that were recorded, also after the decisions begin to differ: nobody can know
//! what the world would have answered. Timers are the exception: those of the other version fire when they are due.
//! Events that only the other version would have been given are not seen.

mod bring_back;
mod compare;
mod found;
mod history;
mod progress;
mod recover;
mod rehearsal;
mod replica;
mod run;

pub use bring_back::{Patience, bring_back};
pub use compare::{Difference, DifferenceKind};
pub use found::{Differing, Replayed};
pub use progress::ReplayProgress;
pub use recover::{RecoverError, Recovered, recover};
pub use run::{Pace, ReplayError, Selection, replay, replay_at};
