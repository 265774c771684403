//! Topics are made as the contract says, and who may do what with them.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::collections::HashSet;
use std::time::Duration;

use brainops_event::Catalog;
use brainops_log::{
    Cluster, ClusterError, LogConfig, ReadError, TopicsError, end_frontier, ensure_topics, read,
};
use common::Namespace;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{FutureProducer, FutureRecord};

#[tokio::test]
async fn topics_are_made_once_with_an_id_each() {
    Namespace::run("topics", 2, |space| async move {
        assert!(space.topics.iter().all(|topic| topic.made && topic.partitions.get() == 2));
        let ids: HashSet<_> = space.topics.iter().map(|topic| topic.id.clone()).collect();
        assert_eq!(ids.len(), Catalog::builtin().topics().len());

        let again = ensure_topics(&space.cluster, Catalog::builtin()).await.expect("nothing to do");
        assert!(again.iter().all(|topic| !topic.made));
        assert_eq!(again.iter().map(|topic| topic.id.clone()).collect::<HashSet<_>>(), ids);
    })
    .await;
}

#[tokio::test]
async fn a_mismatch_names_both_sides_and_all_mismatches_come_at_once() {
    Namespace::run("mismatch", 2, |space| async move {
        let lead = space.topic("lead");
        let admin: AdminClient<DefaultClientContext> = space.raw("admin").create().expect("a client");
        let change = AlterConfig::new(ResourceSpecifier::Topic(lead.as_str())).set("retention.ms", "1000");
        admin.alter_configs(&[change], &AdminOptions::new()).await.expect("asked")[0]
            .as_ref()
            .expect("changed");

        let log = LogConfig { partitions: 3, ..space.cluster.log_config().clone() };
        let other = Cluster::new(space.stack.kafka.clone(), log).expect("the configuration holds");
        let error = common::soon("the change to be seen", async {
            loop {
                match ensure_topics(&other, Catalog::builtin()).await {
                    Err(TopicsError::Mismatch(all))
                        if all.iter().any(|one| one.setting == "retention.ms") =>
                    {
                        break TopicsError::Mismatch(all);
                    }
                    Err(TopicsError::Mismatch(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
        let TopicsError::Mismatch(all) = &error else { panic!("{error}") };
        assert_eq!(all.iter().filter(|one| one.setting == "partitions").count(), space.topics.len());
        let message = error.to_string();
        assert!(message.contains(&format!("{lead} has retention.ms 1000, wanted -1")), "{message}");
        assert!(message.contains(&format!("{lead} has partitions 2, wanted 3")), "{message}");
    })
    .await;
}

#[tokio::test]
async fn the_reader_cannot_append() {
    Namespace::run("reader", 1, |space| async move {
        let topic = space.topic("git");
        let producer: FutureProducer = space.raw("reader").create().expect("a client");
        let record = FutureRecord::to(topic.as_str()).key("k").payload("v");
        let (error, _) = producer.send(record, Duration::from_secs(10)).await.expect_err("refused");
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::TopicAuthorizationFailed), "{error}");
        let end = end_frontier(&space.cluster, &[topic]).await.expect("an end");
        assert!(end.iter().all(|(_, _, next)| next.get() == 0), "{end}");
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_named() {
    Namespace::run("missing", 1, |space| async move {
        let nowhere = space.topic("nowhere");
        let error = end_frontier(&space.cluster, std::slice::from_ref(&nowhere)).await.expect_err("missing");
        assert!(matches!(&error, ClusterError::MissingTopic { topic, .. } if *topic == nowhere), "{error}");

        let there = end_frontier(&space.cluster, &[space.topic("git")]).await.expect("an end");
        let mut to = there.clone();
        to.set(nowhere.clone(), brainops_event::Partition::new(0).expect("0"), brainops_event::Offset::ZERO);
        let error = read(&space.cluster, &space.registry, &there, &to).await.expect_err("missing");
        assert!(error.to_string().contains(nowhere.as_str()), "{error}");
        assert!(matches!(error, ReadError::Cluster(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_ends_with_a_message() {
    let stack = common::StackConfig::load();
    let mut kafka = stack.kafka.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("password");
    std::fs::write(&path, "wrong").expect("written");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    if let Some(reader) = &mut kafka.reader {
        reader.password_file = path;
    }
    let cluster = Cluster::new(kafka, stack.log).expect("the configuration holds");
    let topic = cluster.topic("git").expect("a good name");
    let error = end_frontier(&cluster, &[topic]).await.expect_err("no login");
    assert!(
        matches!(&error, ClusterError::NoAnswer { servers, .. } if servers.contains("127.0.0.1")),
        "{error}"
    );
}
