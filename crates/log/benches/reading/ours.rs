//! Reading through the follower into nothing: every record judged, every envelope looked at.
use std::hint::black_box;

use brainops_event::{Body, Offset};
use brainops_log::{Assignment, Batch, CatchUp, Follower, FollowerConfig, Item, Signal};

use crate::data::Data;
use crate::figures::{Clock, Took};

/// What one reading came to.
pub struct Reading {
    pub took: Took,
    pub batches: u64,
    pub largest: usize,
}

pub async fn follower(data: &Data) -> Follower {
    let group = uuid::Uuid::now_v7().simple().to_string();
    let catch_up = Some(CatchUp::default());
    let config = FollowerConfig { catch_up, ..FollowerConfig::new(group, vec![data.topic.clone()]) };
    Follower::start(&data.space.cluster, &data.space.registry, config).await.expect("started")
}

/// Answers an assignment; `start` says where each partition goes on.
pub fn start(assignment: Assignment, start: impl Fn(Offset) -> Offset) {
    let partitions = assignment.partitions().iter();
    let starts = partitions.map(|one| (one.topic.clone(), one.partition, start(one.end))).collect();
    assignment.start(starts);
}

/// Reads every record once.
pub async fn read(data: &Data) -> Reading {
    let mut follower = follower(data).await;
    let (mut clock, mut seen, mut batches, mut largest) = (None, 0, 0, 0);
    while seen < data.events {
        match follower.next().await {
            Signal::Assigned(assignment) => {
                clock = Some(Clock::start());
                start(assignment, |_| Offset::ZERO);
            }
            Signal::Batch(batch) => {
                seen += sink(&batch);
                batches += 1;
                largest = largest.max(batch.len());
            }
            Signal::Failed(error) => panic!("{error}"),
            Signal::Idle(_) | Signal::Revoked(_) => {}
        }
    }
    let took = clock.expect("assigned").stop();
    follower.stop().await;
    Reading { took, batches, largest }
}

/// Looks at everything that a projection looks at.
pub fn sink(batch: &Batch) -> u64 {
    let (mut seen, mut bytes) = (0, 0);
    for item in batch.items() {
        seen += 1;
        let Item::Event(event) = item else { panic!("not an event: {item:?}") };
        let envelope = &event.envelope;
        bytes += envelope.id().len() + envelope.source().len() + envelope.event_type().len();
        bytes += envelope.subject().map_or(0, str::len) + usize::from(envelope.time().is_some());
        if let Body::Avro { datum, .. } = event.body {
            bytes += datum.len();
        }
    }
    black_box(bytes);
    seen
}
