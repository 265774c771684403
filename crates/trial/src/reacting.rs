//! The life of a process that runs the clerk and fires timers, as the role `sagas` of `brainops serve` does, and relays
//! what it says if it is told to.

use std::time::Duration;

use brainops_log::{Cluster, Registry};
use brainops_outbox::{Outbox, Relay};
use brainops_saga::{Cast, Patience, SagaOptions, Stage, bring_back, fire_timers, run};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::clerk::Clerk;
use crate::order::Task;

/// What passes in a trial passes soon.
const PATIENCE: Patience = Patience { opening: Duration::from_secs(20), again: Duration::from_millis(500) };

pub(crate) async fn react(
    task: &Task,
    pool: PgPool,
    cluster: Cluster,
    registry: Registry,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let outbox = Outbox::open(&pool, &cluster, &registry, task.outbox.clone()).await?;
    let relay = task.relays.then(|| Relay::new(&outbox, task.name.clone()));
    let stage = Stage { pool, cluster, registry, outbox };
    let relaying = async {
        match relay {
            Some(relay) => relay.run(stop.clone()).await,
            None => Ok(()),
        }
    };
    let (reacted, relayed) = tokio::join!(decide(task, stage, &stop), relaying);
    reacted?;
    Ok(relayed?)
}

async fn decide(task: &Task, stage: Stage, stop: &CancellationToken) -> anyhow::Result<()> {
    let cast = Cast::of(Clerk)?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        recovered = bring_back(&cast, &stage, PATIENCE) => recovered?,
    }
    let (pool, outbox) = (stage.pool.clone(), stage.outbox.clone());
    let options = SagaOptions { max_records: task.max_records, ..SagaOptions::default() };
    let (running, firing) =
        (run(cast, stage, options, stop.clone()), fire_timers(pool, outbox, stop.clone()));
    let (ran, fired) = tokio::join!(running, firing);
    ran?;
    Ok(fired?)
}
