//! The stage of a test, and the log as it stands afterwards.

use std::time::Duration;

use brainops_event::{Envelope, EventId, EventType, Outgoing, Priority, Source, Subject};
use brainops_log::end_frontier;
use brainops_outbox::{Outbox, OutboxConfig, Relay};
use brainops_task::{
    Claim, Claimed, FollowError, FollowOptions, FollowStage, Kind, Lease, Outcome, TaskName, TaskOptions,
    Tasks, Worker, follow,
};
use brainops_testkit::{Namespace, Running, Stood, eventually, soon};
use sqlx::Row as _;

/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A stage, and whoever relays what is said on it.
pub struct Scene {
    pub namespace: Namespace,
    pub tasks: Tasks,
    pub outbox: Outbox,
    relay: Running<()>,
}

/// A task of a kind, about a subject.
pub fn said(of: &str, id: &str, subject: &str, priority: Option<Priority>) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).expect("an id"),
        Source::new("test").expect("a source"),
        EventType::new(format!("agent.task.{of}")).expect("a type"),
        Subject::new(subject).expect("a subject"),
    );
    let envelope = envelope.with_correlation_id(format!("flow/{subject}")).expect("a correlation id");
    let envelope = priority.map_or(envelope.clone(), |priority| envelope.with_priority(priority));
    Outgoing::message(envelope, &serde_json::json!({ "task": id }).to_string()).expect("a message")
}

pub fn kind(text: &str) -> Kind {
    Kind::new(text).expect("a kind")
}

pub fn worker(text: &str) -> Worker {
    Worker::new(text).expect("a worker")
}

pub fn lease(millis: u64) -> Lease {
    Lease::new(Duration::from_millis(millis)).expect("a lease")
}

pub fn outcome(word: &str) -> Outcome {
    Outcome::new(word, None).expect("an outcome")
}

impl Scene {
    pub async fn new(name: &str) -> Self {
        Self::with(name, TaskOptions::default()).await
    }

    pub async fn with(name: &str, options: TaskOptions) -> Self {
        let namespace = Namespace::new(name).await;
        brainops_outbox::migrate(namespace.pool()).await.expect("the outbox is migrated");
        brainops_task::migrate(namespace.pool()).await.expect("the tables of tasks are migrated");
        let config = OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() };
        let outbox = Outbox::open(namespace.pool(), namespace.cluster(), namespace.registry(), config).await;
        let outbox = outbox.expect("the outbox opens");
        let relay = Relay::new(&outbox, "relay".to_owned());
        let relay = Running::start(|shutdown| async move { relay.run(shutdown).await.map_err(|_| ()) });
        outbox.opened(LIMIT).await.expect("the relay reads the ends");
        let tasks = Tasks::new(namespace.pool().clone(), outbox.clone(), options);
        Self { namespace, tasks, outbox, relay }
    }

    /// Follows tasks.
    pub fn follow(&self) -> Running<FollowError> {
        let stage = FollowStage {
            pool: self.namespace.pool().clone(),
            cluster: self.namespace.cluster().clone(),
            registry: self.namespace.registry().clone(),
        };
        let options = FollowOptions { max_records: 200, ..FollowOptions::default() };
        Running::start(|shutdown| follow(stage, options, shutdown))
    }

    /// Appends events and waits until they stand.
    pub async fn append(&self, events: Vec<Outgoing>) {
        for answer in soon("an answer", self.outbox.append_all(events)).await {
            answer.expect("acknowledged");
        }
    }

    /// Waits until a worker gets a task.
    pub async fn until_claimed(&self, of: &str, by: &str, lease_ms: u64) -> Claimed {
        let claimed = tokio::sync::Mutex::new(None);
        let claim = || async {
            let found = self.tasks.claim(&[kind(of)], &worker(by), lease(lease_ms)).await.expect("an answer");
            let is_found = found.is_some();
            *claimed.lock().await = found;
            is_found
        };
        eventually(LIMIT, claim).await.unwrap_or_else(|_| panic!("no task of {of}"));
        claimed.into_inner().expect("it was found")
    }

    /// All events of the topic, in the order of partitions and offsets; repeats are left out.
    pub async fn stands(&self) -> Vec<Stood> {
        self.namespace.stands("agent").await
    }

    /// Waits until so many events of a type stand.
    pub async fn until_said(&self, event_type: &str, times: usize) -> Vec<Stood> {
        let said = || async {
            let mut all = self.stands().await;
            all.retain(|stood| stood.event_type == event_type);
            all
        };
        let enough = || async { said().await.len() >= times };
        eventually(LIMIT, enough).await.unwrap_or_else(|_| panic!("not {times} of {event_type}"));
        said().await
    }

    /// Waits until the checkpoints are at the ends of their partitions, and everything that is to be sent is.
    pub async fn until_followed(&self) {
        let followed = || async {
            let unsent = self.count("SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL").await;
            unsent == 0 && self.is_read_to_the_end().await
        };
        eventually(LIMIT, followed).await.expect("everything is followed");
    }

    async fn is_read_to_the_end(&self) -> bool {
        let topics = [self.namespace.topic("agent")];
        let ends = end_frontier(self.namespace.cluster(), &topics).await.expect("the log ends");
        let sql = "SELECT partition, next_offset FROM brainops.task_checkpoint";
        let rows = sqlx::query(sql).fetch_all(self.namespace.pool()).await.expect("checkpoints");
        let next: std::collections::HashMap<i32, i64> =
            rows.iter().map(|row| (row.get("partition"), row.get("next_offset"))).collect();
        ends.iter().all(|(_, partition, end)| {
            end.get() == 0 || next.get(&partition.get()).is_some_and(|next| *next >= end.get())
        })
    }

    /// What follows from the log of all rows, as text.
    pub async fn rows_of_the_log(&self) -> Vec<String> {
        let sql = "SELECT row(source, id, kind, subject, correlation_id, priority, payload, recorded_at, topic, partition, \
                   record_offset, turn_at, state, failures, retry_at, ended_at, ended_partition, ended_offset)::text \
                   FROM brainops.task ORDER BY source, id";
        sqlx::query_scalar(sql).fetch_all(self.namespace.pool()).await.expect(sql)
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.namespace.pool()).await.expect(sql)
    }

    pub async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(self.namespace.pool()).await.expect(sql);
    }

    pub async fn close(self) {
        self.relay.stop().await;
        drop((self.tasks, self.outbox));
        self.namespace.close().await;
    }
}
