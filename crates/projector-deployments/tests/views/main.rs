//! Tables and views on the real Postgres of the test stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod dora;
mod history;
mod queries;
mod through_the_log;
