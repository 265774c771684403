//! Deployments of services: one trait for all providers ([`Provider`]), and [`host`], a provider of our own that builds a
//! service from a commit, starts it, looks whether it is healthy, and only then sends it requests.
//!
//! Knows services, commits and HTTP; knows neither the log nor Postgres, and decides nothing: who deploys, and when something is
//! rolled back, is said by others.

pub mod host;
mod provider;

pub use provider::{
    Deployed, DeploymentState, Provider, ProviderError, ServiceKey, ServiceStatus, StartRequest,
};
