//! The role `tools`: the gate, through which every act in the world goes.

use anyhow::Context as _;
use brainops_tools::{GateStage, run};
use tokio::task::JoinSet;

use super::{Ground, Role};
use crate::context::Context;
use crate::tooling;

/// Begins to do calls.
pub async fn start_tools(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    ground: &Ground,
) -> anyhow::Result<()> {
    let config = context.settings().tools.gate.clone();
    let tools = tooling::toolbox(context)?;
    config.check(&tools)?;
    let policy = tooling::policy(context, &tools)?;
    tracing::info!(policy.digest = policy.digest(), policies = policy.len(), "the policy is read");
    let Ground { cluster, registry, stop, .. } = ground;
    // Connections of their own: a lease must not wait for folds.
    let stage = GateStage {
        pool: context.pool().await?,
        cluster: cluster.clone(),
        registry: registry.clone(),
        tools,
        policy,
        objects: tooling::objects(context)?,
        secrets: tooling::secrets(context)?,
    };
    let running = run(stage, config, stop.clone());
    tasks.spawn(async move {
        running.await.with_context(|| format!("role {}: no call is done any more", Role::Tools.name()))
    });
    Ok(())
}
