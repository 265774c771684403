//! The life of a process that folds history, as the role `replay` of `brainops serve` does.

use std::sync::Arc;
use std::time::Duration;

use brainops_log::{Cluster, ReadOnlyCluster, Registry};
use brainops_projection::{Pace, ReadModel as _, RebuildError, Workshop, to_be_worked_on, work_on_rebuild};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::model::Trial;
use crate::order::Task;

/// The folder of a scenario in which records are set aside.
pub(crate) const SCRATCH: &str = "scratch";

/// How often is looked what there is to do.
const LOOK: Duration = Duration::from_millis(100);

/// Many small pieces, so that each step is passed often, and a short lease, so that a dead one is soon replaced.
pub(crate) fn pace(in_memory: bool) -> Pace {
    Pace {
        lease: Duration::from_secs(3),
        mark_bytes: 2_000,
        offsets_per_bucket: 30,
        records_at_once: 25,
        in_memory_bytes: if in_memory { 1 << 20 } else { 0 },
    }
}

pub(crate) async fn rebuild(
    task: &Task,
    pool: PgPool,
    cluster: &Cluster,
    registry: Registry,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let shop = Workshop {
        pool,
        log: ReadOnlyCluster::new(task.kafka.clone(), cluster.log_config().clone())?,
        registry,
        scratch: task.scratch.clone(),
        worker: task.name.clone(),
        at_once: 2,
        unknown_schema_patience: Duration::from_secs(2),
        pace: pace(task.in_memory),
    };
    while !stop.is_cancelled() {
        let waiting = to_be_worked_on(&shop.pool, Trial.name(), Trial.fold_version()).await;
        for generation in waiting.unwrap_or_default() {
            let schema = generation.schema();
            match work_on_rebuild(Arc::new(Trial), shop.clone(), generation, stop.clone()).await {
                Ok(()) => tracing::info!(schema, "history is folded"),
                Err(RebuildError::ShutDown) => {}
                Err(error) => {
                    let error = brainops_event::error_chain(&error);
                    tracing::error!(schema, error, "history cannot be folded; trying again");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}
