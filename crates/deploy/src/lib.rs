//! Deployments of services: one trait for all providers ([`Provider`]), [`Render`] and [`Vercel`], and [`host`], a provider of our own that builds a
//! service from a commit, starts it, looks whether it is healthy, and only then sends it requests.
//!
//! Knows services, commits and HTTP; knows neither the log nor Postgres, and decides nothing: who deploys, and when something is
//! rolled back, is said by others.

mod api;
mod fleet;
pub mod host;
mod provider;
mod render;
mod trace;
mod vercel;

pub use fleet::Fleet;
pub use provider::{
    Cause, Deployed, DeploymentState, Provider, ProviderError, RolledBack, ServiceKey, ServiceStatus,
    StartRequest,
};
pub use render::{RENDER_URL, Render};
pub use trace::Trace;
pub use vercel::{VERCEL_URL, Vercel};
