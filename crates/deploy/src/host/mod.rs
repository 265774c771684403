//! A host of services on this machine: each is built from a tree of its own at a commit, started as a process, looked at until it
//! is healthy, and sent requests by a small proxy. The one before goes on running, so that going back is to send requests there
//! again.
//!
//! ```text
//! client ─▶ proxy ─▶ the deployment that serves     (watch: one word changes, the next request goes elsewhere)
//!                    the one before, still running
//! ```
//!
//! What it knows is kept in a file, so that a host that was killed starts again what served and what was kept.

mod api;
mod client;
mod manifest;
mod process;
mod proxy;
mod run;
mod service;
mod state;
mod tree;

pub use api::{ApiError, HostApi};
pub use client::HostClient;
pub use manifest::{Manifest, ManifestError, ServiceSpec};
pub use run::{HostError, LocalHost, RunningHost, access_log};
