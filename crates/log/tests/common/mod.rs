//! A namespace of its own for each test on the test stack: topics under a prefix that nobody else has.
#![allow(dead_code)] // each test binary uses its part
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use brainops_event::types::git::TagCreated;
use brainops_event::{
    Catalog, Envelope, EventId, EventType, Frontier, Offset, Outgoing, Source, Subject, TopicName,
};
use brainops_log::{
    Appender, Batch, Cluster, Item, KafkaConfig, LogConfig, Registry, RegistryConfig, TopicState,
    delete_topics, end_frontier, ensure_topics, read,
};
use futures::FutureExt;
use serde::Deserialize;

#[derive(Clone, Deserialize)]
pub struct StackConfig {
    pub kafka: KafkaConfig,
    pub log: LogConfig,
    pub registry: RegistryConfig,
}

impl StackConfig {
    pub fn load() -> StackConfig {
        let path = std::env::var_os("BRAINOPS_CONFIG").map(PathBuf::from).expect(
            "BRAINOPS_CONFIG names no stack: `make test` starts one, or `eval \"$(scripts/stack env)\"` after `scripts/stack up`",
        );
        let text = std::fs::read_to_string(&path).expect("the stack's configuration is readable");
        toml::from_str(&text).expect("the stack's configuration is well formed")
    }
}

/// What a test works with.
#[derive(Clone)]
pub struct Namespace {
    pub stack: StackConfig,
    pub cluster: Cluster,
    pub registry: Registry,
    pub topics: Vec<TopicState>,
}

impl Namespace {
    /// Runs a test in a namespace of its own, and deletes its topics however the test ends.
    pub async fn run<Test: Future<Output = ()>>(
        name: &str,
        partitions: u16,
        test: impl FnOnce(Namespace) -> Test,
    ) {
        let namespace = Namespace::make(name, partitions).await;
        let cluster = namespace.cluster.clone();
        let topics: Vec<TopicName> = namespace.topics.iter().map(|state| state.topic.clone()).collect();
        let outcome = std::panic::AssertUnwindSafe(test(namespace)).catch_unwind().await;
        delete_topics(&cluster, &topics).await.expect("the topics are deleted");
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    async fn make(name: &str, partitions: u16) -> Namespace {
        let stack = StackConfig::load();
        let random = uuid::Uuid::now_v7().simple().to_string();
        let prefix = format!("brainops-{name}-{}", &random[20..]);
        let log = LogConfig { prefix, partitions, ..stack.log.clone() };
        let cluster = Cluster::new(stack.kafka.clone(), log).expect("the configuration holds");
        let registry = Registry::new(stack.registry.clone()).expect("the configuration holds");
        registry.register(Catalog::builtin()).await.expect("schemas are registered");
        let topics = ensure_topics(&cluster, Catalog::builtin()).await.expect("topics are made");
        Namespace { stack, cluster, registry, topics }
    }

    pub fn topic(&self, name: &str) -> TopicName {
        self.cluster.topic(name).expect("a good name")
    }

    pub fn appender(&self) -> Appender {
        Appender::new(&self.cluster, &self.registry).expect("the client is made")
    }

    /// A raw client of one of the principals, with the contract's partitioner.
    pub fn raw(&self, user: &str) -> rdkafka::ClientConfig {
        let kafka = &self.stack.kafka;
        let credentials = match user {
            "appender" => &kafka.appender,
            "reader" => &kafka.reader,
            _ => &kafka.admin,
        };
        let credentials = credentials.as_ref().expect("the stack has a login for each");
        let password = std::fs::read_to_string(&credentials.password_file).expect("readable");
        let mut config = rdkafka::ClientConfig::new();
        config
            .set("bootstrap.servers", &kafka.bootstrap_servers)
            .set("security.protocol", "SASL_PLAINTEXT")
            .set("sasl.mechanism", "SCRAM-SHA-256")
            .set("sasl.username", &credentials.username)
            .set("sasl.password", password.trim_end())
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", "10000");
        config
    }

    /// Everything in a topic, in batches.
    pub async fn read_all(&self, topic: &TopicName) -> Vec<Batch> {
        let end = end_frontier(&self.cluster, std::slice::from_ref(topic)).await.expect("an end");
        let mut reading =
            read(&self.cluster, &self.registry, &Frontier::new(), &end).await.expect("readable");
        let mut batches = Vec::new();
        while let Some(batch) = reading.next().await {
            batches.push(batch.expect("a batch"));
        }
        batches
    }
}

/// An event of `brainops.git` about `subject`, told apart by `id`.
pub fn tag(subject: &str, id: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).expect("an id"),
        Source::new("brainops/test").expect("a source"),
        EventType::new("git.tag.created").expect("a type"),
        Subject::new(subject).expect("a subject"),
    );
    let tag = TagCreated { repository: "test".into(), tag: id.into(), sha: "0".repeat(40), annotated: false };
    Outgoing::typed(envelope, &tag).expect("it fits")
}

/// How a record was judged, in words that tests compare.
pub fn verdict(item: &Item<'_>) -> (Offset, String) {
    match item {
        Item::Event(event) => (event.offset, format!("new {}", event.envelope.id())),
        Item::Duplicate { place, first } => (place.offset, format!("duplicate of {first}")),
        Item::Misplaced { place, reason, .. } => (place.offset, format!("misplaced: {reason}")),
        Item::Poison { place, error, .. } => (place.offset, format!("poison: {error}")),
    }
}

/// Waits for something, for half a minute at most.
pub async fn soon<T>(what: &str, waited_for: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(30), waited_for).await {
        Ok(value) => value,
        Err(_) => panic!("waited half a minute in vain for {what}"),
    }
}
