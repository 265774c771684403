//! The gate on the real parts: what it says of a call, and what holds when executors are killed, stopped and doubled.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod check;
mod faults;
mod lost;
mod probe;
mod refused;
mod said;
mod scene;
mod stopped;

use brainops_testkit::ChildStage;

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    if let Some(stage) = ChildStage::of_this_process() {
        scene::live(stage).await;
    }
}
