//! Follows a topic into rows: checkpoints and what is made of the records are one transaction.
//!
//! **The promise.** What [`Rows::write`] or [`Rows::write_at_once`] writes for a batch is committed once, with the checkpoints of
//! the partitions that it was told, or not at all. [`Rows::committed`] is told what was written once it is known to stand, also
//! when the commit gave no answer and the checkpoints say that it was done. A process that dies, sleeps or is robbed of its
//! partitions costs time.

mod apply;
mod error;
mod run;
mod unreadable;

use std::collections::{BTreeMap, BTreeSet};

use brainops_log::Item;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::checkpoint::{Move, Place};
use crate::keeper::Keeper;

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

/// How it went to write a batch in one statement.
#[derive(Debug)]
pub enum AtOnce<W> {
    /// One statement cannot say what is to be written, and nothing was done.
    Not,
    /// It stands.
    Moved(W),
    /// Another owner has taken the partition over, and nothing was done.
    NotMoved,
    /// The answer was lost. [`Rows::recall`] says what was written, should it stand.
    Unknown(W, sqlx::Error),
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

    /// Moves the checkpoint of the only partition that a batch moves and writes what its records come to, in one statement that
    /// commits itself: three ways to Postgres fewer than a transaction takes, and no lock that is held while this process does
    /// something else. [`moved_sql`](crate::moved_sql) is the first part of such a statement. Without a word about it, nothing
    /// is written at once.
    ///
    /// An error says that nothing was done; what cannot be known is [`AtOnce::Unknown`].
    fn write_at_once(
        &mut self,
        pool: &PgPool,
        keeper: &Keeper,
        items: &[Item<'_>],
        moves: &BTreeMap<Place, Move>,
    ) -> impl Future<Output = Result<AtOnce<Self::Written>, sqlx::Error>> + Send {
        let _ = (pool, keeper, items, moves);
        async { Ok(AtOnce::Not) }
    }

    /// Reads again what stands of what was written, after the answer to it was lost and it is known to stand, or the partitions are
    /// another's by now. May be called again after an error.
    fn recall(
        &mut self,
        pool: &PgPool,
        written: &mut Self::Written,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        let _ = (pool, written);
        async { Ok(()) }
    }

    /// What was written stands.
    fn committed(&mut self, written: Self::Written) {
        drop(written);
    }
}
