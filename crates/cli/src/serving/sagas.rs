//! The role `sagas`: every agent of this program, and the timers of all agents.

use anyhow::Context as _;
use brainops_saga::{SagaOptions, Stage, fire_timers, run};
use tokio::task::JoinSet;

use super::{Ground, Role, Stop};
use crate::agents;
use crate::context::Context;

/// Begins to follow. An agent that ends by its own fault leaves the others running; the log says why.
pub async fn start_sagas(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    ground: &Ground,
) -> anyhow::Result<()> {
    // Connections of their own: what an agent decides must not wait for folds.
    let pool = context.pool().await?;
    let Ground { cluster, registry, outbox, stop, .. } = ground;
    let stage = Stage {
        pool: pool.clone(),
        cluster: cluster.clone(),
        registry: registry.clone(),
        outbox: outbox.clone(),
    };
    for cast in agents::all()? {
        let name = cast.name();
        let running = run(cast, stage.clone(), SagaOptions::default(), stop.clone());
        tasks.spawn(async move {
            running.await.with_context(|| format!("role {}: agent {name} has stopped", Role::Sagas.name()))
        });
    }
    let firing = fire_timers(pool, outbox.clone(), Stop::clone(stop));
    tasks.spawn(async move {
        firing.await.with_context(|| format!("role {}: no timer fires any more", Role::Sagas.name()))
    });
    Ok(())
}
