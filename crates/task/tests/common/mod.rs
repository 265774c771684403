//! A namespace with an outbox, a relay, followers and workers that can be stopped or killed, and the log afterwards.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of it")]

mod check;
pub mod child;
mod scene;

pub use brainops_testkit::{Running, soon};
pub use check::check;
pub use child::Process;
pub use scene::{LIMIT, Scene, Stood, kind, lease, outcome, said, worker};
