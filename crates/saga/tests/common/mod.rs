//! An agent that counts, a stage for it on the test stack, and the log as it stands afterwards.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of it")]

mod check;
pub mod child;
mod scene;
mod tally;

pub use brainops_testkit::Stood;
pub use brainops_testkit::{Running, soon};
pub use check::check;
pub use child::Process;
pub use scene::{LIMIT, Scene, essence};
pub use tally::{AGENT, Counted, Tally, TallyState, count, count_urgently, count_with};
