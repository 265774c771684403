//! A namespace with the read model installed, and projections that run over it.

use std::sync::Arc;
use std::time::Duration;

use brainops_event::{Frontier, Outgoing};
use brainops_log::end_frontier;
use brainops_projection::{Generation, RunError, RunOptions, install, run, wait_until};
use brainops_testkit::{Namespace, refold, stored_rows};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Metrics;

/// How long anything may take here.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A namespace with the read model installed.
pub struct Bench {
    pub namespace: Namespace,
    pub generation: Generation,
}

impl Bench {
    pub async fn new(name: &str) -> Self {
        let namespace = Namespace::new(name).await;
        let generation = install(namespace.pool(), &Metrics::default()).await.unwrap();
        Self { namespace, generation }
    }

    /// Appends events, all of which must be acknowledged.
    pub async fn append(&self, events: Vec<Outgoing>) {
        for appended in self.namespace.appender().append_all(events).await {
            appended.unwrap();
        }
    }

    /// Runs the projection in this process.
    pub fn start(&self, options: RunOptions) -> Running {
        self.start_over(self.namespace.pool().clone(), options)
    }

    /// Runs the projection in this process, over other connections to the same database.
    pub fn start_over(&self, pool: PgPool, options: RunOptions) -> Running {
        let shutdown = CancellationToken::new();
        let (cluster, registry) = (self.namespace.cluster().clone(), self.namespace.registry().clone());
        let life = run(Arc::new(Metrics::default()), pool, cluster, registry, options, shutdown.clone());
        Running { shutdown, life: tokio::spawn(life) }
    }

    /// The end of the topic.
    pub async fn end(&self) -> Frontier {
        end_frontier(self.namespace.cluster(), &[self.namespace.topic("business")]).await.unwrap()
    }

    /// Waits until all that is in the topic now is folded.
    pub async fn caught_up(&self) -> Frontier {
        let end = self.end().await;
        wait_until(self.namespace.pool(), "metrics", &end, LIMIT).await.unwrap();
        end
    }

    /// Checks that the stored rows are, byte for byte, the fold of the topic up to the frontier.
    pub async fn check_rows(&self, to: &Frontier) {
        let (cluster, registry) = (self.namespace.cluster(), self.namespace.registry());
        let expected = refold(&Metrics::default(), cluster, registry, to).await.unwrap();
        let found = stored_rows::<Metrics>(self.namespace.pool(), &self.generation).await.unwrap();
        for (table, expected) in &expected {
            let found = &found[table];
            assert_eq!(found.len(), expected.len(), "rows of {table}");
            assert!(found == expected, "rows of {table} are not the fold of the topic");
        }
    }

    /// One number from the database.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.namespace.pool()).await.unwrap()
    }
}

/// A projection that runs in this process.
pub struct Running {
    pub shutdown: CancellationToken,
    pub life: JoinHandle<Result<(), RunError>>,
}

impl Running {
    /// Asks it to stop and waits until it has.
    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.life)
            .await
            .expect("within ten seconds")
            .unwrap()
            .unwrap();
    }
}

/// Options with small batches, so that a test has many of them.
pub fn small_batches(instance: &str, max_records: usize) -> RunOptions {
    RunOptions { max_records, ..RunOptions::new(instance) }
}
