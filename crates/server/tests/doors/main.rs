//! The doors on the real stack: what goes in through them stands in the log, and comes out of the read models.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]
mod deliveries;
mod leads;
mod outbox;
mod readiness;
mod sagas;
mod support;
mod tasks;
