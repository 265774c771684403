//! Who has a read-only cluster reads all, and is refused by Kafka itself when it tries to write.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::time::Duration;

use brainops_event::Frontier;
use brainops_log::{
    Credentials, Follower, FollowerConfig, ReadOnlyCluster, Signal, end_frontier, existing_topics, lag, read,
    start_frontier,
};
use common::{Namespace, soon, tag};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{FutureProducer, FutureRecord};

#[tokio::test]
async fn it_reads_what_a_whole_cluster_reads() {
    Namespace::run("readonly", 2, |space| async move {
        for id in ["1", "2", "3"] {
            space.appender().append(tag(id, id)).await.expect("acknowledged");
        }
        let (topics, cluster) = ([space.topic("git")], space.cluster.read_only());
        assert_eq!(cluster.topic("git").expect("a name"), topics[0]);
        assert_eq!(cluster.log_config(), space.cluster.log_config());
        let start = start_frontier(&cluster, &topics).await.expect("a start");
        let end = end_frontier(&cluster, &topics).await.expect("an end");
        assert_eq!(end, end_frontier(&space.cluster, &topics).await.expect("an end"));
        let behind: u64 =
            lag(&cluster, &start).await.expect("a lag").iter().map(|partition| partition.offsets).sum();
        assert_eq!(behind, 3);
        assert!(existing_topics(&cluster, &topics).await.expect("an answer").contains_key(&topics[0]));
        let mut reading = read(&cluster, &space.registry, &Frontier::new(), &end).await.expect("readable");
        let mut records = 0;
        while let Some(batch) = reading.next().await {
            records += batch.expect("a batch").len();
        }
        assert_eq!(records, 3);
        let config = FollowerConfig::new(cluster.log_config().prefix.clone(), topics.to_vec());
        let mut follower = Follower::start(&cluster, &space.registry, config).await.expect("started");
        let signal = soon("an assignment", follower.next()).await;
        assert!(matches!(signal, Signal::Assigned(_)), "{signal:?}");
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn kafka_refuses_its_login_to_append_or_to_make_a_topic() {
    Namespace::run("refusal", 1, |space| async move {
        let topic = space.topic("git");
        let producer: FutureProducer = space.raw("reader").create().expect("a client");
        let record = FutureRecord::to(topic.as_str()).key("s").payload("value");
        let sent = producer.send(record, Duration::from_secs(10)).await;
        let (error, _) = sent.expect_err("the reader may not append");
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::TopicAuthorizationFailed), "{error}");

        let mut config = space.raw("reader");
        config.remove("partitioner").remove("message.timeout.ms");
        let admin: AdminClient<DefaultClientContext> = config.create().expect("a client");
        let name = format!("{}.new", space.cluster.log_config().prefix);
        let topics = [NewTopic::new(&name, 1, TopicReplication::Fixed(1))];
        let made = admin.create_topics(&topics, &AdminOptions::new()).await;
        let refused: Vec<_> =
            made.expect("an answer").into_iter().map(|one| one.map_err(|(_, code)| code)).collect();
        assert!(
            matches!(
                refused.as_slice(),
                [Err(
                    RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed
                )]
            ),
            "{refused:?}"
        );
        let deleted = admin.delete_topics(&[topic.as_str()], &AdminOptions::new()).await.expect("an answer");
        assert!(
            matches!(deleted.as_slice(), [Err((_, RDKafkaErrorCode::TopicAuthorizationFailed))]),
            "{deleted:?}"
        );
        let end = end_frontier(&space.cluster, std::slice::from_ref(&topic)).await.expect("an end");
        assert!(end.iter().all(|(_, _, offset)| offset.get() == 0), "nothing was appended: {end:?}");
    })
    .await;
}

/// What it does not have it cannot leak: the files of the others are not even looked at.
#[tokio::test]
async fn it_needs_the_login_of_the_reader_and_no_other() {
    let stack = common::StackConfig::load();
    let nobody = || {
        let (username, password_file) = ("nobody".to_owned(), "/nowhere/password".into());
        Some(Credentials { username, password_file })
    };
    let mut kafka = stack.kafka.clone();
    (kafka.appender, kafka.admin) = (nobody(), nobody());
    let cluster = ReadOnlyCluster::new(kafka.clone(), stack.log.clone()).expect("it holds");
    brainops_log::cluster_identity(&cluster).await.expect("the reader may ask");
    (kafka.appender, kafka.admin) = (None, None);
    ReadOnlyCluster::new(kafka.clone(), stack.log.clone()).expect("it holds");
    kafka.reader = None;
    let error = ReadOnlyCluster::new(kafka, stack.log).expect_err("nobody reads");
    assert!(error.to_string().contains("kafka.reader"), "{error}");
}
