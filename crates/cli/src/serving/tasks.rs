//! The role `tasks`: the work that the log asks for becomes rows that workers claim.

use anyhow::Context as _;
use brainops_task::{FollowOptions, FollowStage, follow};
use tokio::task::JoinSet;

use super::{Ground, Role};
use crate::context::Context;

/// Begins to follow.
pub async fn start_tasks(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    ground: &Ground,
) -> anyhow::Result<()> {
    // Connections of their own: work that waits must not wait for folds.
    let pool = context.pool().await?;
    let Ground { cluster, registry, stop, .. } = ground;
    let stage = FollowStage { pool, cluster: cluster.clone(), registry: registry.clone() };
    let following = follow(stage, FollowOptions::default(), stop.clone());
    tasks.spawn(async move {
        following
            .await
            .with_context(|| format!("role {}: tasks are not followed any more", Role::Tasks.name()))
    });
    Ok(())
}
