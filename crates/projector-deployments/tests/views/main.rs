//! Tables and views on the real Postgres of the test stack.

mod dora;
mod history;
mod queries;
mod through_the_log;
