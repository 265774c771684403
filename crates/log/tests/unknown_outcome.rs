//! What becomes of events whose acknowledgement never comes: by a broker that stands in for Kafka and can be shut.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::time::Duration;

use brainops_log::{
    AppendError, Appender, Cluster, KafkaConfig, LogConfig, Outcome, Registry, RegistryConfig,
};
use common::{soon, tag};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TOPIC: &str = "brainops.git";

/// A registry that says 7 whatever it is asked.
async fn registry() -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 8192];
            if connection.read(&mut request).await.is_ok() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"id\":7}";
                connection.write_all(answer.as_bytes()).await.ok();
            }
        }
    });
    let config = RegistryConfig { url, username: None, password_file: None, ca_file: None };
    Registry::new(config).expect("the configuration holds")
}

/// A broker without logins, and an appender that gives up after two seconds.
async fn stand_in() -> (MockCluster<'static, rdkafka::producer::DefaultProducerContext>, Appender) {
    let broker = MockCluster::new(1).expect("a stand-in");
    broker.create_topic(TOPIC, 1, 1).expect("a topic");
    let servers = broker.bootstrap_servers();
    let kafka: KafkaConfig =
        serde_json::from_value(serde_json::json!({ "bootstrap_servers": servers })).expect("well formed");
    let log = LogConfig { prefix: "brainops".to_owned(), partitions: 1, replication: 1 };
    let cluster = Cluster::new(kafka, log).expect("the configuration holds");
    let appender = Appender::new(&cluster, &registry().await).expect("a client");
    (broker, appender.with_answer_limit(Duration::from_secs(2)))
}

/// The ids that stand in the log, in order.
fn ids(servers: &str, wanted: usize) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "test")
        .create()
        .expect("a client");
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, rdkafka::Offset::Beginning).expect("a place");
    consumer.assign(&list).expect("assigned");
    let mut ids = Vec::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while ids.len() < wanted && std::time::Instant::now() < deadline {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let headers = message.headers().expect("headers");
        let id = headers.iter().find(|header| header.key == "ce_id").and_then(|header| header.value);
        ids.push(String::from_utf8(id.expect("an id").to_vec()).expect("text"));
    }
    ids
}

#[tokio::test]
async fn after_an_unknown_outcome_the_same_events_again_stand_in_order() {
    let (broker, appender) = stand_in().await;
    let events = || (0..50).map(|id| tag("s", &id.to_string())).collect::<Vec<_>>();
    appender.append(tag("s", "before")).await.expect("acknowledged");

    broker.broker_down(1).expect("down");
    let answers = soon("answers", appender.append_all(events())).await;
    assert_eq!(answers.len(), 50);
    for answer in answers {
        let error = answer.expect_err("nobody was there");
        assert!(matches!(error.outcome(), Outcome::Unknown | Outcome::NotThereYet), "{error:?}");
    }

    broker.broker_up(1).expect("up");
    let answers = soon("answers", async {
        loop {
            let answers = appender.append_all(events()).await;
            if answers.iter().all(Result::is_ok) {
                break answers;
            }
        }
    })
    .await;
    assert_eq!(answers.len(), 50);
    let mut firsts = Vec::new();
    let servers = broker.bootstrap_servers();
    for id in tokio::task::spawn_blocking(move || ids(&servers, 51)).await.expect("read") {
        if !firsts.contains(&id) {
            firsts.push(id);
        }
    }
    let expected: Vec<String> =
        std::iter::once("before".to_owned()).chain((0..50).map(|id| id.to_string())).collect();
    assert_eq!(firsts, expected);
}

#[tokio::test]
async fn when_the_queue_is_full_the_event_comes_back() {
    let (broker, appender) = stand_in().await;
    appender.append(tag("s", "before")).await.expect("acknowledged");
    broker.broker_down(1).expect("down");
    let appender = appender.with_answer_limit(Duration::from_secs(20));
    let mut all: FuturesUnordered<_> = (0..50_010).map(|_| appender.append(tag("s", "1"))).collect();
    let mut returned = 0;
    while returned < 10 {
        match soon("the first answers", all.next()).await.expect("an answer") {
            Err(error @ AppendError::QueueFull(_)) => {
                assert_eq!(error.outcome(), Outcome::NotThereYet);
                let AppendError::QueueFull(event) = error else { panic!("just matched") };
                assert_eq!(event.envelope.id().as_str(), "1");
                returned += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn drain_says_whether_everything_was_answered() {
    let (broker, appender) = stand_in().await;
    appender.append(tag("s", "1")).await.expect("acknowledged");
    assert!(appender.drain(Duration::from_secs(5)).await);
    broker.broker_down(1).expect("down");
    let waiting = tokio::spawn({
        let appender = appender.clone();
        async move { appender.append(tag("s", "2")).await }
    });
    soon("the event to be queued", async {
        while appender.drain(Duration::from_millis(20)).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    waiting.await.expect("it did not panic").expect_err("nobody was there");
}
