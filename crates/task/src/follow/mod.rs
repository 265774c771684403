//! Follows the topic `agent` as one member of a group, and makes rows of tasks and of what is said about them.
//!
//! A batch is one transaction: checkpoints move by compare-and-set on epoch, offset and topic id, then rows are written
//! set-wise. So two processes that own one partition are told apart, and a crash anywhere costs time. What is written is such
//! that the order of partitions does not matter, nor how often a record is read: an end may come before its task.

mod fold;
mod write;

use std::collections::BTreeSet;

pub use brainops_checkpoint::{FollowError, FollowOptions, FollowStage};
use brainops_checkpoint::{FollowMetrics, Followed, Place, Rows};
use brainops_fault::point;
use brainops_log::Item;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::metrics as names;

/// What is followed, and who follows.
const FOLLOWED: Followed =
    Followed { what: "tasks", topic: "agent", group: "task", checkpoints: "brainops.task_checkpoint" };

/// Follows the tasks of the log until shutdown is asked for; see [`brainops_checkpoint::follow()`].
///
/// # Errors
/// [`FollowError`] when a person is needed; what can pass is waited for and tried again.
pub async fn follow(
    stage: FollowStage,
    options: FollowOptions,
    shutdown: CancellationToken,
) -> Result<(), FollowError> {
    brainops_checkpoint::follow(FOLLOWED, || TaskRows, stage, options, shutdown).await
}

struct TaskRows;

impl Rows for TaskRows {
    type Written = ();

    const METRICS: FollowMetrics = FollowMetrics {
        records: names::FOLLOWED_TOTAL,
        retries: names::RETRIES_TOTAL,
        unknown_commits: names::UNKNOWN_COMMITS_TOTAL,
        batch_seconds: names::BATCH_SECONDS,
    };

    async fn write(
        &mut self,
        connection: &mut PgConnection,
        items: &[Item<'_>],
        ours: &BTreeSet<Place>,
    ) -> Result<(), sqlx::Error> {
        point("task.follow_moved");
        write::write(connection, &fold::fold(items, ours)).await?;
        point("task.follow_written");
        Ok(())
    }
}
