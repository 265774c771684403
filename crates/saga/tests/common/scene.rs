//! A namespace with an outbox, a relay and runtimes that can be stopped or killed.

use std::time::Duration;

use brainops_event::{Outgoing, Position, TopicName, new_id};
use brainops_log::{Item, end_frontier, read, start_frontier};
use brainops_outbox::{Outbox, OutboxConfig, Relay};
use brainops_saga::{
    Agent, Cast, Decide, Decider, Instance, RunError, SagaOptions, Stage, TimerError, decision_event,
    fire_timers, run,
};
use brainops_testkit::{Namespace, Running, Stood, eventually, soon};
use serde_json::Value;
use sqlx::Row as _;

use super::tally::AGENT;

/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A stage, and whoever relays what is decided on it.
pub struct Scene {
    pub namespace: Namespace,
    pub stage: Stage,
    relay: Running<()>,
}

impl Scene {
    pub async fn new(name: &str) -> Self {
        Self::with(name, OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() }).await
    }

    pub async fn with(name: &str, config: OutboxConfig) -> Self {
        let namespace = Namespace::new(name).await;
        brainops_outbox::migrate(namespace.pool()).await.expect("the outbox is migrated");
        brainops_saga::migrate(namespace.pool()).await.expect("the tables of sagas are migrated");
        let outbox = Outbox::open(namespace.pool(), namespace.cluster(), namespace.registry(), config).await;
        let outbox = outbox.expect("the outbox opens");
        let stage = Stage {
            pool: namespace.pool().clone(),
            cluster: namespace.cluster().clone(),
            registry: namespace.registry().clone(),
            outbox,
        };
        let relay = Self::relay(&stage);
        stage.outbox.opened(LIMIT).await.expect("the relay reads the ends");
        Self { namespace, stage, relay }
    }

    fn relay(stage: &Stage) -> Running<()> {
        let relay = Relay::new(&stage.outbox, "relay".to_owned());
        Running::start(|shutdown| async move { relay.run(shutdown).await.map_err(|_| ()) })
    }

    pub async fn kill_relay(&mut self) {
        let another = Self::relay(&self.stage);
        std::mem::replace(&mut self.relay, another).kill().await;
    }

    /// Runs an agent.
    pub fn run<A: Agent>(&self, agent: A) -> Running<RunError> {
        self.run_cast(Cast::of(agent).expect("an agent"))
    }

    pub fn run_cast(&self, cast: Cast) -> Running<RunError> {
        let options = SagaOptions { max_records: 50, ..SagaOptions::default() };
        let stage = self.stage.clone();
        Running::start(|shutdown| run(cast, stage, options, shutdown))
    }

    /// Fires timers.
    pub fn fire(&self) -> Running<TimerError> {
        let (pool, outbox) = (self.stage.pool.clone(), self.stage.outbox.clone());
        Running::start(|shutdown| fire_timers(pool, outbox, shutdown))
    }

    /// Appends events and waits until they stand.
    pub async fn append(&self, events: Vec<Outgoing>) {
        for part in events.chunks(1_000) {
            for answer in soon("an answer", self.stage.outbox.append_all(part.to_vec())).await {
                answer.expect("acknowledged");
            }
        }
    }

    /// Has a person decide about a saga of the counting agent.
    pub async fn decide(&self, correlation: &str, decide: Decide) {
        let decider = Decider { by: "op-1".to_owned(), reason: "because".to_owned() };
        let (id, now) = (new_id(uuid::Uuid::now_v7()), chrono::Utc::now());
        let event = decision_event((AGENT, correlation), &decide, &decider, (id, now)).expect("a decision");
        self.append(vec![event]).await;
    }

    /// All events of a topic, in the order of partitions and offsets; repeats are left out.
    pub async fn stands(&self, topic: &str) -> Vec<Stood> {
        let stood = self.namespace.stands(topic).await;
        stood.into_iter().map(|one| Stood { data: data(one.data), ..one }).collect()
    }

    /// Events of a type in a topic, about any saga.
    pub async fn said(&self, topic: &str, event_type: &str) -> Vec<Stood> {
        let mut all = self.stands(topic).await;
        all.retain(|stood| stood.event_type == event_type);
        all
    }

    /// Waits until so many events of a type stand.
    pub async fn until_said(&self, topic: &str, event_type: &str, times: usize) -> Vec<Stood> {
        let said = || async { self.said(topic, event_type).await.len() >= times };
        if eventually(LIMIT, said).await.is_err() {
            let found = self.said(topic, event_type).await;
            panic!("{} of {times} events {event_type} stand: {found:#?}", found.len());
        }
        self.said(topic, event_type).await
    }

    /// State and status of a saga.
    pub async fn saga(&self, correlation: &str) -> Option<(Value, String)> {
        let sql = "SELECT state::text AS state, status FROM brainops.saga WHERE correlation = $1";
        let row = sqlx::query(sql).bind(correlation).fetch_optional(&self.stage.pool).await.expect("a row");
        row.map(|row| {
            let state: String = row.get("state");
            (serde_json::from_str(&state).expect("state is JSON"), row.get("status"))
        })
    }

    /// Waits until a saga is this.
    pub async fn until_status(&self, correlation: &str, status: &str) {
        let is = || async { self.saga(correlation).await.is_some_and(|(_, found)| found == status) };
        if eventually(LIMIT, is).await.is_err() {
            panic!("{correlation} is {:?}, not {status}", self.saga(correlation).await);
        }
    }

    /// Whether the counting agent's checkpoints are at the ends of its partitions.
    pub async fn is_read_to_the_end(&self) -> bool {
        let topics = ["agent", "saga"].map(|name| self.namespace.topic(name));
        let ends = end_frontier(self.namespace.cluster(), &topics).await.expect("the log ends");
        let sql = "SELECT topic, partition, next_offset FROM brainops.saga_checkpoint";
        let rows = sqlx::query(sql).fetch_all(&self.stage.pool).await.expect("checkpoints");
        let next: std::collections::HashMap<(String, i32), i64> = rows
            .iter()
            .map(|row| ((row.get("topic"), row.get("partition")), row.get("next_offset")))
            .collect();
        ends.iter().all(|(topic, partition, end)| {
            next.get(&(topic.to_string(), partition.get())).is_some_and(|next| *next >= end.get())
        })
    }

    /// Waits until so many inputs are taken, and all that was decided stands.
    pub async fn until_taken(&self, inputs: i64) {
        let taken = || async {
            self.count("SELECT count(*) FROM brainops.saga_inbox").await >= inputs && self.unsent().await == 0
        };
        eventually(LIMIT, taken).await.expect("everything is taken");
    }

    /// Waits until all that stands is read, and all that was decided stands.
    pub async fn until_settled(&self) {
        let settled = || async { self.is_read_to_the_end().await && self.unsent().await == 0 };
        eventually(LIMIT, settled).await.expect("everything is read and said");
    }

    async fn unsent(&self) -> i64 {
        self.count("SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL").await
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.stage.pool).await.expect(sql)
    }

    pub async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.stage.pool).await.expect(sql);
    }

    pub async fn close(self) {
        self.relay.stop().await;
        drop(self.stage);
        self.namespace.close().await;
    }
}

/// The payload of a message, or the data of a typed event.
fn data(data: Value) -> Value {
    match data.get("payload").and_then(Value::as_str) {
        Some(payload) => serde_json::from_str(payload).expect("a payload is JSON"),
        None => data,
    }
}

/// What tests look at of an instance, whoever holds it.
pub fn essence(instance: &Instance) -> (String, String) {
    (instance.state.clone(), instance.status().to_owned())
}
