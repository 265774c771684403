//! Follows a topic into rows: checkpoints and what is made of the records are one transaction.
//!
//! **The promise.** What [`Rows::write`] writes for a batch is committed once, with the checkpoints of the partitions that it
//! was told, or not at all. [`Rows::committed`] is told what was written once it is known to stand, also when COMMIT gave no
//! answer and the checkpoints, read behind their lock, say that it was done. A process that dies, sleeps or is robbed of its
//! partitions costs time.

mod apply;
mod error;
mod run;
mod unreadable;

use std::collections::BTreeSet;

use brainops_log::Item;
use sqlx::postgres::PgConnection;

use crate::checkpoint::Place;

pub use error::FollowError;
pub use run::{FollowOptions, FollowStage, follow};
pub use unreadable::{Unreadable, keep_unreadable, records};

/// Which topic is followed, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// What comes of it, for people, such as `tasks`.
    pub what: &'static str,
    /// The topic, without its prefix.
    pub topic: &'static str,
    /// The consumer group, without the installation's prefix.
    pub group: &'static str,
    /// The table of checkpoints.
    pub checkpoints: &'static str,
}

/// Names of what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowMetrics {
    /// Counter: records that were taken.
    pub records: &'static str,
    /// Counter: transactions that were tried again.
    pub retries: &'static str,
    /// Counter: commits that gave no answer.
    pub unknown_commits: &'static str,
    /// Histogram, seconds: from a batch's arrival until it is committed.
    pub batch_seconds: &'static str,
}

/// What is made of records.
pub trait Rows: Send + 'static {
    /// What was written, for [`Rows::committed`]. Dropped where the transaction is rolled back.
    type Written: Send;

    /// How it is measured.
    const METRICS: FollowMetrics;

    /// Whether what these records come to may be taken back by a crash of Postgres: all of it is read again then, and nothing
    /// that anybody does meanwhile rests on it. Its commit does not wait for the disk.
    fn is_unhurried(&self, items: &[Item<'_>]) -> bool {
        let _ = items;
        false
    }

    /// Writes what the records of these partitions come to. May be called again for the same records after a rollback.
    fn write(
        &mut self,
        connection: &mut PgConnection,
        items: &[Item<'_>],
        ours: &BTreeSet<Place>,
    ) -> impl Future<Output = Result<Self::Written, sqlx::Error>> + Send;

    /// What was written stands.
    fn committed(&mut self, written: Self::Written) {
        drop(written);
    }
}
