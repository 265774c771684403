//! The life of a process that runs the clerk and fires timers, as the role `sagas` of `brainops serve` does.

use std::time::Duration;

use brainops_event::error_chain;
use brainops_log::{Cluster, Registry};
use brainops_outbox::Outbox;
use brainops_saga::{Cast, RecoverError, SagaOptions, Stage, fire_timers, recover, run};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::clerk::Clerk;
use crate::order::Task;

/// How long a relay may take to read the end of the log before it is said that it takes long.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// How long is waited until what could not be recovered is tried again.
const AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn react(
    task: &Task,
    pool: PgPool,
    cluster: Cluster,
    registry: Registry,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let outbox = Outbox::open(&pool, &cluster, &registry, task.outbox.clone()).await?;
    let stage = Stage { pool: pool.clone(), cluster, registry, outbox: outbox.clone() };
    let cast = Cast::of(Clerk)?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        recovered = bring_back(&cast, &stage) => recovered?,
    }
    let options = SagaOptions { max_records: task.max_records, ..SagaOptions::default() };
    let (running, firing) = (run(cast, stage, options, stop.clone()), fire_timers(pool, outbox, stop));
    let (ran, fired) = tokio::join!(running, firing);
    ran?;
    Ok(fired?)
}

async fn bring_back(cast: &Cast, stage: &Stage) -> anyhow::Result<()> {
    while let Err(error) = stage.outbox.opened(OPEN_LIMIT).await {
        tracing::warn!(error = %error_chain(&error), "the outbox takes no decisions yet");
    }
    loop {
        match recover(cast, stage).await {
            Ok(found) => {
                tracing::info!(?found, "what sagas had forgotten is back");
                return Ok(());
            }
            Err(error @ RecoverError::Row(_)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(error = %error_chain(&error), "what sagas have forgotten cannot be looked for; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
