//! Follows the topic `agent` as one member of a group, and makes rows of tasks and of what is said about them.
//!
//! A batch is one transaction: checkpoints move by compare-and-set on epoch, offset and topic id, then rows are written
//! set-wise. So two processes that own one partition are told apart, and a crash anywhere costs time. What is written is such
//! that the order of partitions does not matter, nor how often a record is read: an end may come before its task.

mod apply;
mod error;
mod fold;
mod run;

pub use error::FollowError;
pub use run::{FollowOptions, FollowStage, follow};
