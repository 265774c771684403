//! Agents of the healing family. One so far: [`IncidentCommander`] gathers alerts into incidents, and sees to it that
//! somebody takes charge of each.
//!
//! Pure reactions: they know events and `saga`, and nothing of Postgres, Kafka or HTTP.

mod body;
mod commander;
mod incident;
mod say;
mod terms;

pub use commander::IncidentCommander;
pub use incident::{Firing, Incident};
pub use terms::{MAX_ALERTS, MAX_LEVEL, QUIET, TO_ACKNOWLEDGE};
