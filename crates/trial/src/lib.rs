//! Fault tests: real processes over a real stack, killed, stopped, cut off and lied to.
//!
//! - A [`Scenario`] is a fault: it acts on a [`Stage`] that has topics and a database of its own, worker processes
//!   (see [`Order`]) and somebody who keeps appending unique events and notes every acknowledgement.
//! - After it, `judge` holds the invariants against what is there: the rows against a fold of the raw topic that shares
//!   no code with the runtime, the checkpoints against a trigger that has seen each of their moves, the workers' logs
//!   and metrics against the fault that they must name.
//! - The checker itself is checked with planted bugs.
//!
//! What fails panics or says so in words: this crate is for tests only.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "assertions of tests, and the tables that they print"
)]

mod answer;
mod backup;
mod clerk;
mod desks;
mod dice;
mod disk;
mod judge;
mod ledger;
mod model;
mod order;
mod process;
mod raw;
mod reacting;
mod rebuilding;
mod rebuilt;
mod refold;
mod report;
mod room;
mod runner;
mod scenario;
mod speaker;
mod stage;
mod voice;
mod watch;
mod worker;

pub use backup::Backup;
pub use dice::Dice;
pub use disk::{Disks, SmallDisk};
pub use judge::{Invariant, Violation};
pub use ledger::{Acked, Ledger, Pages};
pub use model::{REFUSED, Trial, TrialTables, event, id_of};
pub use order::{LogTo, Order, Role, Task};
pub use process::Worker;
pub use raw::{Raw, RawFacts, RawRecord};
pub use report::{Line, table};
pub use room::Room;
pub use runner::run_all;
pub use scenario::{Play, Scenario};
pub use stage::{Expected, Stage};
pub use worker::live;
