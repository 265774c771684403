//! Tables and views on the real Postgres of the test stack.

mod dora;
mod history;
