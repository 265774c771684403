//! Agents of the healing family, from what is seen to what is done about it.
//!
//! | agent | from | concludes |
//! |---|---|---|
//! | [`Monitor`] | samples | that too many requests of a service fail |
//! | [`DevOps`] | that, and deployments that fail | which commit it was, and rolls back, or asks a person |
//! | [`IncidentCommander`] | alerts | incidents, and sees to it that somebody takes charge of each |
//!
//! Pure reactions: they know events and `saga`, and nothing of Postgres, Kafka or HTTP.

mod body;
mod commander;
mod devops;
mod incident;
mod monitor;
mod say;
mod terms;

pub use commander::IncidentCommander;
pub use devops::{DevOps, ENOUGH, Healing};
pub use incident::{Firing, Incident};
pub use monitor::{Monitor, Sample, Watch};
pub use terms::{
    ASK_AGAIN, ASKED_AGAIN, CHECKED_AGAIN, ENOUGH_REQUESTS, FLAPPING, MAX_ALERTS, MAX_LEVEL, MAX_SAMPLES,
    NEWS, QUIET, QUIET_SAMPLES, RECENT, TO_ACKNOWLEDGE, TO_ANSWER, TO_DECIDE, TO_VERIFY,
};
