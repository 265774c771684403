//! The doors: HTTP in front of the log and the read models.
//!
//! Turns requests, webhook deliveries and batches into events, answers only once the log holds them, and lets people
//! and programs query the read models. Knows HTTP and SQL; does not know Kafka, and decides nothing about what
//! happened. Begin with `routes.rs`, which lists every door; the README beside it says how all of them behave.
mod answer;
mod append;
mod auth;
mod body;
mod config;
mod doors;
mod fault;
mod health;
mod ingest;
mod metric_names;
mod moments;
mod object;
mod outcome;
mod problem;
mod query;
mod routes;
mod seal;
mod secret;
mod server;
mod signature;
mod tasks;
mod telemetry;
#[cfg(test)]
mod tests;
mod webhook;
mod work;

pub use append::{Acknowledged, Append, AppendFailure};
pub use config::{ConfigError, MAX_BODY_BYTES, MIN_BODY_BYTES, ServerConfig, WEBHOOK_BODY_BYTES};
pub use doors::{Secrets, ServerParts};
pub use health::{NotReady, Probe};
pub use moments::{AskedMoment, MomentRefusal, Moments};
pub use query::agents::StopSwitch;
pub use secret::{Secret, SecretError};
pub use server::{Server, ServerError};
pub use tasks::TaskDesk;
