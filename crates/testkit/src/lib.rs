//! The test kit: what a test says should read like what it means.
//!
//! - [`given`] events (as [`said`]), a fold, rows: pure, in milliseconds, without a stack.
//! - [`given_agent`] and events, also as they were recorded ([`GivenAgent::recorded`]), when an event or when time goes by,
//!   then decisions; [`fail_each_step`] of an agent that undoes what it has done.
//! - [`TestStack`] and [`Namespace`]: topics and a database of a test's own on the test stack.
//! - [`project`]: a read model run to the end of the log, and checked.
//! - [`histories`] that chance decides, over the topics of the real read models.
//! - [`refold`] and [`stored_rows`]: what the log says the rows must be, byte for byte.
//! - [`PrivateStack`], whose parts a test may kill, and [`Proxy`], which makes the way to one of them bad.
//! - [`check_dictionary`]: a data dictionary says what the SQL says.
//! - [`ChildProcess`]: the test itself as another process, to be killed or stopped, and [`Stood`]: what stands in the log.
//! - [`eventually`]: waits on a condition, with a limit.
//! - [`explore`]: every history of a small model of a protocol.
//!
//! What fails panics with a message for the person who reads it: this crate is for tests only.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "assertions of tests, and the last words of a namespace that could not be cleaned up"
)]

mod agents;
mod child;
mod dictionary;
mod eventually;
mod explore;
mod given;
mod histories;
mod namespace;
mod private_stack;
mod project;
mod proxy;
mod raw;
mod record;
mod refold;
mod running;
mod said;
mod stack;
mod stood;
mod tuple;

pub use agents::{Answer, GivenAgent, Reaction, Said, fail_each_step, given_agent};
pub use child::{ChildProcess, ChildStage};
pub use dictionary::check_dictionary;
pub use eventually::{TimedOut, eventually};
pub use explore::{Counterexample, Explored, Next, Protocol, explore};
pub use given::{Given, Outcome, given};
pub use histories::histories;
pub use namespace::Namespace;
pub use private_stack::{Part, PrivateStack};
pub use project::project;
pub use proxy::{Cut, Judge, Proxy, Weather, says};
pub use raw::RawRecord;
pub use record::{Record, Records};
pub use refold::{TableRows, refold, stored_rows};
pub use running::{Running, soon};
pub use said::{said, said_by};
pub use stack::{StackError, TestStack};
pub use stood::Stood;
