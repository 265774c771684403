//! Waits until the index of events has reached the log's end as of now.

use std::time::Duration;

use anyhow::Context as _;
use brainops_log::{Cluster, end_frontier};
use brainops_projection::wait_until;
use sqlx::PgPool;

use crate::context::topic_names;
use crate::output::talk;
use crate::read_models::EVENTS;

/// After this long a person wants to know what is waited for.
const QUIET: Duration = Duration::from_secs(2);

/// Only the topics that the import writes to count: no id that it could repeat stands elsewhere.
pub(super) async fn wait_for_index(
    pool: &PgPool,
    cluster: &Cluster,
    topics: &[&str],
    limit: Duration,
) -> anyhow::Result<()> {
    let end = end_frontier(cluster, &topic_names(cluster, topics)?).await?;
    let wait = wait_until(pool, EVENTS, &end, limit);
    tokio::pin!(wait);
    let reached = tokio::select! {
        reached = &mut wait => reached,
        () = tokio::time::sleep(QUIET) => {
            talk(&format!("waiting up to {} s for the index of events to reach the end of the log", limit.as_secs()));
            wait.await
        }
    };
    reached.context(
        "the index of events has not reached the end of the log, so it is not known what the log has already; \
         `brainops serve` with the role projectors must run",
    )
}
