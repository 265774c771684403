//! Named places where a test may end or stop this process, and mistakes that a test may plant.
//!
//! A runtime that promises to lose and double nothing must be killed at each of its steps, and the checker that finds
//! no fault must be shown faults. Both need a hold inside of the code under test. Without the feature `armed`, which
//! no shipped program has, every function here is empty and costs nothing.
//!
//! - `BRAINOPS_FAULT=<point>[@<n>]=<kill|stop>`: at the n-th passage (1 by default) of [`point`], the process gets
//!   SIGKILL, or SIGSTOP (somebody else continues it). Several with commas between.
//! - `BRAINOPS_PLANTED=<bug>`: [`planted`] answers true for that [`Bug`].
//!
//! What cannot be understood ends the process with a message: a fault test with a typing error must not pass.

mod bug;

#[cfg(feature = "armed")]
mod armed;

pub use bug::Bug;

/// Every point there is. A point that is passed but not listed, or asked for but not listed, ends an armed process.
pub const POINTS: &[&str] = &[
    "projection.taken_over",
    "projection.batch_received",
    "projection.begun",
    "projection.checkpoint_moved",
    "projection.rows_loaded",
    "projection.folded",
    "projection.rows_half_written",
    "projection.rows_written",
    "projection.parked",
    "projection.committed",
    "projection.release_folded",
    "rebuild.taken",
    "rebuild.marked",
    "rebuild.set_aside",
    "rebuild.bucket_folded",
    "rebuild.bucket_written",
    "rebuild.bucket_committed",
    "rebuild.unit_done",
    "rebuild.folded",
    "rebuild.indexed",
    "rebuild.ready",
    "saga.taken_over",
    "saga.batch_received",
    "saga.begun",
    "saga.checkpoint_moved",
    "saga.locked",
    "saga.reacted",
    "saga.saved",
    "saga.enqueued",
    "saga.committed",
    "saga.recovered",
    "saga.switch_taken",
    "saga.timers_taken",
    "saga.timers_enqueued",
    "saga.timers_committed",
    "task.follow_moved",
    "task.follow_written",
    "task.claimed",
    "task.held",
    "task.marked",
    "task.marked_alone",
    "task.enqueued",
    "task.committed",
    "tool.follow_moved",
    "tool.follow_written",
    "tool.follow_claimed",
    "tool.claimed",
    "tool.started",
    "tool.checked",
    "tool.acted",
    "tool.ended",
    "outbox.reserved",
    "outbox.committed",
    "handover.committed",
    "relay.lease_taken",
    "relay.tail_read",
    "relay.numbered",
    "relay.half_sent",
    "relay.gate_opened",
    "relay.sent",
    "relay.acknowledged",
    "relay.marked",
];

/// A place where this process may be made to end or to stand.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "armed")]
    armed::point(name);
    #[cfg(not(feature = "armed"))]
    let _ = name;
}

/// Whether this mistake is planted.
#[inline]
pub fn planted(bug: Bug) -> bool {
    #[cfg(feature = "armed")]
    return armed::planted(bug);
    #[cfg(not(feature = "armed"))]
    {
        let _ = bug;
        false
    }
}
