//! What cannot be followed is named, and what passes is waited for.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brainops_event::{Catalog, Offset, Partition, TopicId, TopicName};
use brainops_log::{
    ClusterError, Follower, FollowerConfig, GroupProtocol, Item, ReadError, Registry, RegistryConfig, Signal,
    delete_topics, ensure_topics,
};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tokio::net::{TcpListener, TcpStream};

use crate::common::{Namespace, soon, tag};
use crate::drive::{self, append, batches, failure, follow, from_zero, records};

#[tokio::test]
async fn an_offset_outside_of_the_log_names_both_sides() {
    Namespace::run("beyond", 1, |space| async move {
        append(&space, (0..3).map(|id| tag("s", &id.to_string()))).await;
        let mut follower = follow(&space, |_| {}).await;
        let error = failure(&mut follower, |_| Offset::new(7).expect("7")).await;
        let ReadError::OutOfRange { wanted, low, end, .. } = &error else { panic!("{error}") };
        assert_eq!((wanted.get(), low.get(), end.get()), (7, 0, 3));
        assert!(error.to_string().contains("from offset 7, the log there goes from 0 to 3"), "{error}");
        assert!(matches!(follower.next().await, Signal::Failed(ReadError::Ended)));
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn history_that_was_cut_off_meanwhile_is_never_skipped() {
    Namespace::run("cut", 1, |space| async move {
        append(&space, (0..9).map(|id| tag("s", &id.to_string()))).await;
        let git = space.topic("git");
        let mut follower = follow(&space, |_| {}).await;
        let assignment = soon("an assignment", async {
            loop {
                if let Signal::Assigned(assignment) = follower.next().await {
                    break assignment;
                }
            }
        })
        .await;
        let admin: AdminClient<DefaultClientContext> = space.raw("admin").create().expect("a client");
        let mut cut = rdkafka::TopicPartitionList::new();
        cut.add_partition_offset(git.as_str(), 0, rdkafka::Offset::Offset(5)).expect("a place");
        admin.delete_records(&cut, &AdminOptions::new()).await.expect("cut off");
        assignment.start(vec![(git, Partition::new(0).expect("0"), Offset::ZERO)]);
        let error = failure(&mut follower, from_zero).await;
        follower.stop().await;
        let ReadError::OutOfRange { wanted, low, end, .. } = &error else { panic!("{error}") };
        assert_eq!((wanted.get(), low.get(), end.get()), (0, 5, 9));
    })
    .await;
}

#[tokio::test]
async fn an_assignment_must_be_answered_and_for_each_partition_once() {
    Namespace::run("answer", 2, |space| async move {
        let mut follower = follow(&space, |_| {}).await;
        let error = soon("a failure", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => drop(assignment),
                    Signal::Failed(error) => break error,
                    _ => {}
                }
            }
        })
        .await;
        assert!(matches!(error, ReadError::Unanswered { .. }), "{error}");
        follower.stop().await;

        let mut follower = follow(&space, |_| {}).await;
        let error = soon("a failure", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => {
                        let one = &assignment.partitions()[0];
                        let start = vec![(one.topic.clone(), one.partition, Offset::ZERO)];
                        assignment.start(start);
                    }
                    Signal::Failed(error) => break error,
                    _ => {}
                }
            }
        })
        .await;
        assert!(matches!(error, ReadError::Answer { found: 0, .. }), "{error}");
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_named() {
    Namespace::run("nowhere", 1, |space| async move {
        let nowhere = space.topic("nowhere");
        let config = FollowerConfig::new("test", vec![space.topic("git"), nowhere.clone()]);
        let error = Follower::start(&space.cluster, &space.registry, config).await.expect_err("missing");
        let ReadError::Cluster(ClusterError::MissingTopic { topic, .. }) = error else { panic!("{error}") };
        assert_eq!(topic, nowhere);
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_is_deleted_and_made_again_ends_following() {
    Namespace::run("again", 1, |space| async move {
        append(&space, (0..3).map(|id| tag("s", &id.to_string()))).await;
        let mut follower = follow(&space, |_| {}).await;
        let old = batches(&mut follower, from_zero, records(3)).await;
        let old_id = old[0].spans()[0].topic_id.clone();
        let git = space.topic("git");
        delete_topics(&space.cluster, std::slice::from_ref(&git)).await.expect("deleted");
        soon("the topic to be made again", async {
            while ensure_topics(&space.cluster, Catalog::builtin()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        if drive::protocol() == GroupProtocol::Consumer {
            // there the coordinator tells topics apart by their ids: the new one is assigned, by its own id
            let id = assigned_id(&mut follower).await;
            assert_ne!(id, old_id);
            return follower.stop().await;
        }
        let error = failure(&mut follower, |_| panic!("nothing is assigned anew")).await;
        let names = |topic: &TopicName| *topic == git;
        assert!(
            matches!(&error, ReadError::OtherTopic { topic, .. } if names(topic))
                || matches!(&error, ReadError::Cluster(ClusterError::MissingTopic { topic, .. }) if names(topic)),
            "{error}"
        );
        follower.stop().await;
    })
    .await;
}

/// The id of the topic that is assigned next, or that is named where the old one was.
async fn assigned_id(follower: &mut Follower) -> TopicId {
    soon("an assignment", async {
        loop {
            match follower.next().await {
                Signal::Assigned(assignment) => break assignment.partitions()[0].topic_id.clone(),
                Signal::Failed(ReadError::OtherTopic { found, .. }) => break found, // it was seen here first
                Signal::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    })
    .await
}

/// A door to the registry that can be shut.
async fn shut_door(space: &Namespace) -> (RegistryConfig, Arc<AtomicBool>) {
    let real = space.stack.registry.url.clone();
    let address = real.trim_start_matches("http://").split('/').next().expect("an address").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            if !is_open.load(Ordering::SeqCst) {
                continue; // dropped
            }
            let address = address.clone();
            tokio::spawn(async move {
                if let Ok(mut outside) = TcpStream::connect(address).await {
                    tokio::io::copy_bidirectional(&mut inside, &mut outside).await.ok();
                }
            });
        }
    });
    let url = format!("http://127.0.0.1:{port}/apis/ccompat/v7");
    (RegistryConfig { url, ..space.stack.registry.clone() }, open)
}

#[tokio::test]
async fn while_the_registry_cannot_be_asked_records_wait() {
    Namespace::run("registry", 1, |space| async move {
        append(&space, (0..3).map(|id| tag("s", &id.to_string()))).await;
        let (config, open) = shut_door(&space).await;
        let registry = Registry::new(config).expect("the configuration holds");
        let config = FollowerConfig {
            unknown_schema_patience: Duration::ZERO, // no answer is not "unknown", however little patience
            ..FollowerConfig::new("test", vec![space.topic("git")])
        };
        let mut follower = Follower::start(&space.cluster, &registry, config).await.expect("started");
        let mut waited = 0;
        let batch = soon("the batch", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => {
                        let one = assignment.partitions()[0].clone();
                        assignment.start(vec![(one.topic, one.partition, Offset::ZERO)]);
                    }
                    Signal::Idle(lags) if lags.iter().any(|lag| lag.offsets == 3 && lag.seconds > 0.0) => {
                        waited += 1;
                        open.store(waited >= 2, Ordering::SeqCst);
                    }
                    Signal::Batch(batch) => break batch,
                    Signal::Failed(error) => panic!("{error}"),
                    _ => {}
                }
            }
        })
        .await;
        follower.stop().await;
        assert!(waited >= 2);
        assert!(batch.items().all(|item| matches!(item, Item::Event(_))));
        assert_eq!(batch.len(), 3);
    })
    .await;
}
