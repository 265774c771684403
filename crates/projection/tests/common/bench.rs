//! A namespace with the read model installed, and projections that run over it.

use std::sync::Arc;
use std::time::Duration;

use brainops_event::{Frontier, Outgoing, Position};
use brainops_log::end_frontier;
use brainops_projection::{
    Decide, DecisionState, Generation, ParkedSubject, RunError, RunOptions, decision_event, decision_state,
    install, parked, run, wait_until,
};
use brainops_testkit::{Namespace, eventually, refold, stored_rows};
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
    pub model: Metrics,
}

impl Bench {
    pub async fn new(name: &str) -> Self {
        let (namespace, model) = (Namespace::new(name).await, Metrics::default());
        let generation = install(namespace.pool(), &model).await.unwrap();
        Self { namespace, generation, model }
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
        let life = run(Arc::new(self.model.clone()), pool, cluster, registry, options, shutdown.clone());
        Running { shutdown, life: tokio::spawn(life) }
    }

    /// The end of the topic, and of that of decisions.
    pub async fn end(&self) -> Frontier {
        let topics = ["business", "projection"].map(|topic| self.namespace.topic(topic));
        end_frontier(self.namespace.cluster(), &topics).await.unwrap()
    }

    /// What is parked, in the order of the log.
    pub async fn parked(&self) -> Vec<ParkedSubject> {
        parked(self.namespace.pool(), Some("metrics")).await.unwrap()
    }

    /// What is parked of a subject.
    pub async fn parked_of(&self, subject: &str) -> Option<ParkedSubject> {
        self.parked().await.into_iter().find(|parked| parked.subject.as_deref() == Some(subject))
    }

    /// Says a decision, and waits until it is done or refused.
    pub async fn decide(&self, decide: Decide<'_>) -> DecisionState {
        let position = self.say(decide).await;
        self.outcome(&position).await
    }

    /// Says a decision.
    pub async fn say(&self, decide: Decide<'_>) -> Position {
        let event = decision_event(decide, "person-1", "it was looked at").unwrap();
        self.namespace.appender().append(event).await.unwrap().position
    }

    /// Waits until a decision is done or refused.
    pub async fn outcome(&self, position: &Position) -> DecisionState {
        let state = || decision_state(self.namespace.pool(), "metrics", position);
        let ended = || async { !matches!(state().await.unwrap(), None | Some(DecisionState::Pending)) };
        eventually(LIMIT, ended).await.unwrap();
        state().await.unwrap().unwrap()
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
        let expected = refold(&self.model, cluster, registry, to).await.unwrap();
        let found = stored_rows::<Metrics>(self.namespace.pool(), &self.generation).await.unwrap();
        for (table, expected) in &expected {
            let found = &found[table];
            assert_eq!(found.len(), expected.len(), "rows of {table}");
            let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
            if let Some((found, expected)) = differs {
                let (found, expected) = (String::from_utf8_lossy(found), String::from_utf8_lossy(expected));
                panic!(
                    "rows of {table} are not the fold of the topic:\n   found {found:?}\nexpected {expected:?}"
                );
            }
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

/// Options with small batches, so that a test has many of them, and COPY for all of them.
pub fn small_batches(instance: &str, max_records: usize) -> RunOptions {
    RunOptions { max_records, catch_up: None, copy_from_rows: 1, ..RunOptions::new(instance) }
}
