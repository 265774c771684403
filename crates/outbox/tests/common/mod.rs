//! An outbox in a namespace of its own, relays that can be killed, and the log as it stands.
#![allow(dead_code)] // each test binary uses its part

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use brainops_event::{Envelope, EventId, EventType, Outgoing, Position, Source, Subject, TopicName};
use brainops_log::{TailRange, end_frontier, read_tail, start_frontier};
use brainops_outbox::{AppendError, Outbox, OutboxConfig, Receipt, Relay, migrate};
use brainops_testkit::Namespace;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const LIMIT: Duration = Duration::from_secs(30);

/// Two shards, and a lease short enough for a test.
pub fn config() -> OutboxConfig {
    OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() }
}

pub async fn namespace(name: &str) -> Namespace {
    let namespace = Namespace::new(name).await;
    migrate(namespace.pool()).await.expect("the outbox is migrated");
    namespace
}

pub async fn open(namespace: &Namespace, config: OutboxConfig) -> Outbox {
    let opened = Outbox::open(namespace.pool(), namespace.cluster(), namespace.registry(), config).await;
    opened.expect("the outbox opens")
}

/// An outbox with a relay, both open.
pub async fn running(namespace: &Namespace, config: OutboxConfig) -> (Outbox, Running) {
    let outbox = open(namespace, config).await;
    let relay = Running::start(&outbox, "relay");
    outbox.opened(LIMIT).await.expect("the relay reads the ends");
    (outbox, relay)
}

/// A relay that can be stopped or killed.
pub struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(outbox: &Outbox, name: &str) -> Running {
        let shutdown = CancellationToken::new();
        let relay = Relay::new(outbox, name.to_owned());
        let running = relay.run(shutdown.clone());
        let task = tokio::spawn(async move { running.await.expect("no task of the relay panics") });
        Running { shutdown, task }
    }

    /// In good order: the lease is given up.
    pub async fn stop(self) {
        self.shutdown.cancel();
        soon("the relay stops", self.task).await.expect("it did not panic");
    }

    /// As a crash would end it: the lease stays, what is on its way is given up.
    pub async fn kill(self) {
        self.task.abort();
        soon("the relay is gone", self.task).await.expect_err("it was aborted");
    }
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

/// A message of the topic `agent`.
pub fn event(id: &str, subject: &str, text: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).expect("an id"),
        Source::new("test").expect("a source"),
        EventType::new("agent.task.asked").expect("a type"),
        Subject::new(subject).expect("a subject"),
    );
    Outgoing::message(envelope, &serde_json::to_string(text).expect("text")).expect("a message")
}

pub async fn append(outbox: &Outbox, event: Outgoing) -> Result<Receipt, AppendError> {
    let mut answers = soon("an answer", outbox.append_all(vec![event])).await;
    answers.pop().expect("one answer")
}

pub async fn appended(outbox: &Outbox, event: Outgoing) -> Receipt {
    append(outbox, event).await.expect("acknowledged")
}

/// The topic of the messages.
pub fn agent(namespace: &Namespace) -> TopicName {
    namespace.topic("agent")
}

/// Ids of a topic's records with their positions, repeats included, each partition in log order.
pub async fn stands(namespace: &Namespace, topic: &TopicName) -> Vec<(String, Position)> {
    let topics = [topic.clone()];
    let from = start_frontier(namespace.cluster(), &topics).await.expect("the log begins");
    let to = end_frontier(namespace.cluster(), &topics).await.expect("the log ends");
    let ranges = to.iter().map(|(topic, partition, to)| {
        let from = from.get(topic, partition).expect("the same partitions");
        TailRange { topic: topic.clone(), partition, from, to }
    });
    let mut tail = read_tail(namespace.cluster(), ranges.collect()).expect("a client");
    let mut all = Vec::new();
    while let Some(records) = soon("records", tail.next()).await {
        all.extend(records.expect("readable").into_iter().map(|record| {
            let position =
                Position { topic: record.topic, partition: record.partition, offset: record.offset };
            (record.id.to_string(), position)
        }));
    }
    all
}

/// Where each event's first record stands.
pub fn firsts(stands: &[(String, Position)]) -> HashMap<String, Position> {
    let mut firsts = HashMap::new();
    for (id, position) in stands {
        firsts.entry(id.clone()).or_insert_with(|| position.clone());
    }
    firsts
}

/// Ids in the order of first records, by partition.
pub fn orders(stands: &[(String, Position)]) -> BTreeMap<i32, Vec<String>> {
    let mut orders: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    let firsts = firsts(stands);
    for (id, position) in stands.iter().filter(|(id, position)| firsts.get(id) == Some(position)) {
        orders.entry(position.partition.get()).or_default().push(id.clone());
    }
    orders
}

/// Every receipt names the first record of its event.
pub fn check_receipts(stands: &[(String, Position)], receipts: &[(String, Receipt)]) {
    let firsts = firsts(stands);
    for (id, receipt) in receipts {
        assert_eq!(firsts.get(id), Some(&receipt.position), "{id}");
    }
}

pub async fn run_sql(namespace: &Namespace, sql: &'static str) {
    sqlx::raw_sql(sql).execute(namespace.pool()).await.expect(sql);
}

pub async fn count(namespace: &Namespace, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(namespace.pool()).await.expect(sql)
}
