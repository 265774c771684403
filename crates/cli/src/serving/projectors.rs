//! The role `projectors`: one task for each read model.

use anyhow::Context as _;
use brainops_projection::{RunOptions, serving};
use tokio::task::JoinSet;

use super::{Ground, Role};
use crate::host::instance_name;
use crate::read_models;

/// Starts to fold. A read model that ends by its own fault leaves the others running; its progress rows and the log
/// say why.
pub async fn start_projectors(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    ground: &Ground,
) -> anyhow::Result<()> {
    let Ground { cluster, registry, pool, outbox, stop } = ground;
    let instance = instance_name();
    for model in read_models::all() {
        let name = model.name();
        serving(pool, name).await.context("the read models are not ready; run `brainops init`")?;
        let options = RunOptions { outbox: Some(outbox.clone()), ..RunOptions::new(instance.clone()) };
        let running = model.run(pool.clone(), cluster.clone(), registry.clone(), options, stop.clone());
        tasks.spawn(async move {
            let ended = running.await;
            ended.with_context(|| format!("role {}: read model {name} has stopped", Role::Projectors.name()))
        });
    }
    Ok(())
}
