//! The role `projectors`: one task for each read model.

use anyhow::Context as _;
use brainops_log::{Cluster, Registry};
use brainops_projection::{RunOptions, serving};
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::{Role, Stop};
use crate::read_models;

/// Starts to fold. A read model that ends by its own fault leaves the others running; its progress rows and the log
/// say why.
pub async fn start_projectors(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    pool: &PgPool,
    cluster: &Cluster,
    registry: &Registry,
    stop: &Stop,
) -> anyhow::Result<()> {
    let instance = format!("{}:{}", host_name(), std::process::id());
    for model in read_models::all() {
        let name = model.name();
        serving(pool, name).await.context("the read models are not ready; run `brainops init`")?;
        let options = RunOptions::new(instance.clone());
        let running = model.run(pool.clone(), cluster.clone(), registry.clone(), options, stop.clone());
        tasks.spawn(async move {
            let ended = running.await;
            ended.with_context(|| format!("role {}: read model {name} has stopped", Role::Projectors.name()))
        });
    }
    Ok(())
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}
