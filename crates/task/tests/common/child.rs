//! The life of a process of its own that follows tasks or works on them, to be killed.

use std::time::Duration;

use brainops_outbox::{Outbox, OutboxConfig};
use brainops_task::{FollowOptions, FollowStage, TaskOptions, Tasks, follow};
use brainops_testkit::ChildStage;
use tokio_util::sync::CancellationToken;

use super::scene::{kind, lease, outcome, worker};

/// The life of that process; to be called by a test of the name `child`, which else does nothing. It is to `follow`, or to
/// `work <name> <lease in ms>`.
pub async fn live() {
    let Some(ChildStage { stack, prefix, postgres, does }) = ChildStage::of_this_process() else { return };
    let (cluster, registry) = (stack.cluster(&prefix).expect("a cluster"), stack.registry().expect("one"));
    let pool = postgres.pool().await.expect("a pool");
    let words: Vec<&str> = does.split(' ').collect();
    let [_, name, millis] = words[..] else {
        let options = FollowOptions { max_records: 7, ..FollowOptions::default() };
        let stage = FollowStage { pool, cluster, registry };
        return follow(stage, options, CancellationToken::new()).await.expect("no fault");
    };
    let config = OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() };
    let outbox = Outbox::open(&pool, &cluster, &registry, config).await.expect("the outbox opens");
    let tasks = Tasks::new(pool.clone(), outbox, TaskOptions::default());
    let lease = lease(millis.parse().expect("milliseconds"));
    loop {
        match tasks.claim(&[kind("work")], &worker(name), lease).await.expect("an answer") {
            Some(claimed) => {
                let is_taken = loop {
                    match tasks.complete(&claimed.claim, &outcome(name)).await {
                        Ok(_) => break true,
                        // Says nothing about the claim; who asks is killed if it lasts.
                        Err(error) if error.is_transient() => {
                            tokio::time::sleep(Duration::from_millis(50)).await
                        }
                        Err(_) => break false,
                    }
                };
                // Where a test has made a table for it, it is noted who has tried.
                let tried = sqlx::query("INSERT INTO tried (worker, is_taken) VALUES ($1, $2)");
                drop(tried.bind(name).bind(is_taken).execute(&pool).await);
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
