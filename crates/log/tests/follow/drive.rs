//! Drives a follower until something is so.
use brainops_event::{Offset, Outgoing};
use brainops_log::{AssignedPartition, Batch, Follower, FollowerConfig, GroupProtocol, ReadError, Signal};

use crate::common::{Namespace, soon};

/// Every test of this folder holds with either protocol: `BRAINOPS_TEST_GROUP_PROTOCOL=consumer` runs them with the
/// newer one.
pub fn protocol() -> GroupProtocol {
    match std::env::var("BRAINOPS_TEST_GROUP_PROTOCOL").as_deref() {
        Ok("consumer") => GroupProtocol::Consumer,
        _ => GroupProtocol::Classic,
    }
}

pub async fn follow(space: &Namespace, change: impl FnOnce(&mut FollowerConfig)) -> Follower {
    let mut config = FollowerConfig::new("test", vec![space.topic("git")]);
    config.protocol = protocol();
    change(&mut config);
    Follower::start(&space.cluster, &space.registry, config).await.expect("started")
}

pub async fn append(space: &Namespace, events: impl Iterator<Item = Outgoing>) {
    for answer in space.appender().append_all(events.collect()).await {
        answer.expect("acknowledged");
    }
}

/// Takes signals until `enough` says so of a batch; every assignment starts where `start` says.
pub async fn batches(
    follower: &mut Follower,
    start: impl Fn(&AssignedPartition) -> Offset,
    mut enough: impl FnMut(&Batch) -> bool,
) -> Vec<Batch> {
    let mut batches = Vec::new();
    soon("enough batches", async {
        loop {
            match follower.next().await {
                Signal::Assigned(assignment) => {
                    let partitions = assignment.partitions().iter();
                    let starts =
                        partitions.map(|one| (one.topic.clone(), one.partition, start(one))).collect();
                    assignment.start(starts);
                }
                Signal::Batch(batch) => {
                    batches.push(batch);
                    if batches.last().is_some_and(&mut enough) {
                        break;
                    }
                }
                Signal::Idle(_) | Signal::Revoked(_) => {}
                Signal::Failed(error) => panic!("{error}"),
            }
        }
    })
    .await;
    batches
}

pub fn from_zero(_: &AssignedPartition) -> Offset {
    Offset::ZERO
}

/// True once so many records have come.
pub fn records(wanted: usize) -> impl FnMut(&Batch) -> bool {
    let mut seen = 0;
    move |batch| {
        seen += batch.len();
        seen >= wanted
    }
}

pub async fn failure(follower: &mut Follower, start: impl Fn(&AssignedPartition) -> Offset) -> ReadError {
    soon("a failure", async {
        loop {
            match follower.next().await {
                Signal::Assigned(assignment) => {
                    let partitions = assignment.partitions().iter();
                    let starts =
                        partitions.map(|one| (one.topic.clone(), one.partition, start(one))).collect();
                    assignment.start(starts);
                }
                Signal::Failed(error) => break error,
                _ => {}
            }
        }
    })
    .await
}
