//! A namespace with an outbox, a relay, followers and workers that can be stopped or killed, and the log afterwards.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of it")]

mod check;
pub mod child;
mod scene;

pub use brainops_testkit::{ChildProcess as Process, Running, Stood, soon};
pub use check::check;
pub use scene::{LIMIT, Scene, kind, lease, outcome, said, worker};
