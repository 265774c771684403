//! Makes a new agent in a checkout: a crate with a test, and the lines that register it.
//!
//! What is made is the agent in `crates/agent-sample` under another name, so that the tests of this workspace show that
//! it compiles and holds. Everything is looked at and put together first; then the crate's folder appears whole, and after
//! it each file that names it is replaced whole. Where that fails, what was done is taken back.

mod checkout;
mod error;
mod name;
mod plan;
mod template;

pub use checkout::Checkout;
pub use name::NewAgent;
