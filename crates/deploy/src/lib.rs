//! Deployments of services: one trait for all providers ([`Provider`]), and [`host`], a provider of our own that builds a
//! service from a commit, starts it, looks whether it is healthy, and only then sends it requests.
//!
//! Knows services, commits and HTTP; knows neither the log nor Postgres, and decides nothing: who deploys, and when something is
//! rolled back, is said by others.

mod fleet;
pub mod host;
mod provider;
mod trace;

pub use fleet::Fleet;
pub use provider::{
    Cause, Deployed, DeploymentState, Provider, ProviderError, RolledBack, ServiceKey, ServiceStatus,
    StartRequest,
};
pub use trace::Trace;
