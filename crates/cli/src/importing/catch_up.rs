//! Waits until the index of events has reached the log's end as of now.

use std::time::Duration;

use anyhow::Context as _;
use brainops_log::{Cluster, end_frontier};
use brainops_projection::wait_until;
use sqlx::PgPool;

use crate::context::topic_names;
use crate::read_models::EVENTS;

/// Only the topics that the import writes to count: no id that it could repeat stands elsewhere.
pub(super) async fn wait_for_index(
    pool: &PgPool,
    cluster: &Cluster,
    topics: &[&str],
    limit: Duration,
) -> anyhow::Result<()> {
    let end = end_frontier(cluster, &topic_names(cluster, topics)?).await?;
    wait_until(pool, EVENTS, &end, limit).await.context(
        "the index of events has not reached the end of the log, so it is not known what the log has already; \
         `brainops serve` with the role projectors must run",
    )
}
