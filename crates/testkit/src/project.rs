//! A read model on the test stack: what is in the log, folded by the runtime.

use std::sync::Arc;
use std::time::Duration;

use brainops_log::end_frontier;
use brainops_projection::{Generation, ReadModel, RunOptions, install, run, wait_until};
use tokio_util::sync::CancellationToken;

use crate::namespace::Namespace;
use crate::refold::{refold, stored_rows};

/// How long the runtime may take to reach the end of the log, and then to stop.
const LIMIT: Duration = Duration::from_secs(60);

/// Installs a read model in a namespace, follows the log to its present end, stops, and checks that the rows are what
/// the log says that they must be.
///
/// # Panics
/// When anything of that fails.
pub async fn project<M: ReadModel + Copy>(namespace: &Namespace, model: M) -> Generation {
    let (pool, cluster, registry) = (namespace.pool(), namespace.cluster(), namespace.registry());
    let generation = install(pool, &model).await.expect("the read model can be installed");
    let topics: Vec<_> = model.topics().iter().map(|topic| namespace.topic(topic)).collect();
    let end = end_frontier(cluster, &topics).await.expect("the log has an end");

    let stop = CancellationToken::new();
    let options = RunOptions::new("testkit");
    let running =
        run(Arc::new(model), pool.clone(), cluster.clone(), registry.clone(), options, stop.clone());
    let running = tokio::spawn(running);
    let reached = wait_until(pool, model.name(), &end, LIMIT).await;
    stop.cancel();
    let stopped = tokio::time::timeout(LIMIT, running).await.expect("the runtime stops in time");
    stopped.expect("the runtime does not panic").expect("the runtime ends without a fault");
    reached.expect("the read model reaches the end of the log");

    let stored = stored_rows::<M>(pool, &generation).await.expect("rows can be read back");
    let expected = refold(&model, cluster, registry, &end).await.expect("the log can be read");
    assert!(stored == expected, "the rows of {} are not what its fold makes of the log", model.name());
    generation
}
