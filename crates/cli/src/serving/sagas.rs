//! The role `sagas`: every agent of this program, and the timers of all agents.

use std::time::Duration;

use anyhow::Context as _;
use brainops_saga::{Cast, Patience, SagaOptions, Stage, bring_back, fire_timers, forget_old, run};
use tokio::task::JoinSet;

use super::{Ground, Role, Stop};
use crate::agents;
use crate::context::Context;

/// A relay reads the ends of the log, which is all of it after Postgres was made anew.
const PATIENCE: Patience = Patience { opening: Duration::from_secs(3_600), again: Duration::from_secs(5) };

/// Begins to follow. An agent that ends by its own fault leaves the others running; the log says why.
pub async fn start_sagas(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    ground: &Ground,
) -> anyhow::Result<()> {
    let keep = context.settings().sagas;
    keep.check()?;
    // Connections of their own: what an agent decides must not wait for folds.
    let pool = context.pool().await?;
    let Ground { cluster, registry, outbox, stop, .. } = ground;
    let stage = Stage {
        pool: pool.clone(),
        cluster: cluster.clone(),
        registry: registry.clone(),
        outbox: outbox.clone(),
    };
    for cast in agents::configured(context.settings())? {
        let name = cast.name();
        let running = live(cast, stage.clone(), Stop::clone(stop));
        tasks.spawn(async move {
            running.await.with_context(|| format!("role {}: agent {name} has stopped", Role::Sagas.name()))
        });
    }
    let forgetting = forget_old(pool.clone(), keep, Stop::clone(stop));
    tasks.spawn(async move {
        forgetting.await;
        Ok(())
    });
    let firing = fire_timers(pool, outbox.clone(), Stop::clone(stop));
    tasks.spawn(async move {
        firing.await.with_context(|| format!("role {}: no timer fires any more", Role::Sagas.name()))
    });
    Ok(())
}

/// The life of an agent here. What its tables have forgotten since a backup comes first: it is read from where they stand to
/// the end of the log, so that is little when they have forgotten nothing.
async fn live(cast: Cast, stage: Stage, stop: Stop) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        recovered = bring_back(&cast, &stage, PATIENCE) => recovered?,
    }
    Ok(run(cast, stage, SagaOptions::default(), stop).await?)
}
