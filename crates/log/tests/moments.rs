//! Where the log stood at a moment.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::time::Duration;

use brainops_event::{Frontier, Partition, PartitionCount, Timestamp, TopicName, partition_for};
use brainops_log::{end_frontier, first_recorded_at, frontier_at, start_frontier};
use common::{Namespace, soon, tag};

/// Appends in the home of `subject` until the broker's clock has moved on from `after`, and answers with the last
/// record's partition, offset and time.
async fn append_after(
    space: &Namespace,
    subject: &str,
    after: Option<Timestamp>,
) -> (Partition, i64, Timestamp) {
    soon("a later record", async {
        while after.is_some_and(|after| chrono::Utc::now() <= after + Duration::from_millis(2)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let id = uuid::Uuid::now_v7().to_string();
    let appended = space.appender().append(tag(subject, &id)).await.expect("acknowledged");
    let recorded_at = appended.recorded_at;
    assert!(after.is_none_or(|after| after < recorded_at), "the broker and we are on one machine");
    (appended.position.partition, appended.position.offset.get(), recorded_at)
}

fn next(frontier: &Frontier, topic: &TopicName, partition: Partition) -> i64 {
    frontier.get(topic, partition).expect("every partition is named").get()
}

#[tokio::test]
async fn a_moment_lies_after_the_last_record_at_or_before_it() {
    Namespace::run("moments", 8, |space| async move {
        let topics = [space.topic("git")];
        let home = partition_for(b"s", PartitionCount::new(8).expect("8"));
        let mut last = None;
        let mut records = Vec::new();
        for _ in 0..3 {
            let (partition, offset, recorded_at) = append_after(&space, "s", last).await;
            records.push((offset, recorded_at));
            last = Some(recorded_at);
            assert_eq!(partition, home);
        }
        let millisecond = Duration::from_millis(1);
        for (offset, recorded_at) in &records {
            for (at, expected) in [
                (*recorded_at - millisecond, *offset),
                (*recorded_at, offset + 1),
                (*recorded_at + Duration::from_micros(900), offset + 1),
                (*recorded_at + millisecond, offset + 1),
            ] {
                let frontier =
                    frontier_at(&space.cluster.read_only(), &topics, at).await.expect("a frontier");
                assert_eq!(
                    next(&frontier, &topics[0], home),
                    expected,
                    "{offset} was recorded {recorded_at}, at {at}"
                );
            }
        }
        let end = end_frontier(&space.cluster, &topics).await.expect("an end");
        let start = start_frontier(&space.cluster, &topics).await.expect("a start");
        let later = chrono::Utc::now() + Duration::from_secs(3600);
        let at = |at| frontier_at(&space.cluster, &topics, at);
        assert_eq!(at(later).await.expect("a frontier"), end, "after the last, empty partitions too");
        assert_eq!(at(Timestamp::UNIX_EPOCH).await.expect("a frontier"), start, "before the first");
        assert_eq!(at(Timestamp::MIN_UTC).await.expect("a frontier"), start, "long before the first");
        assert_eq!(at(Timestamp::MAX_UTC).await.expect("a frontier"), end);
        assert_eq!(end.len(), 8);
        assert!(end.topic_id(&topics[0]).is_some());
    })
    .await;
}

#[tokio::test]
async fn the_first_record_is_the_earliest_of_all_partitions() {
    Namespace::run("first", 4, |space| async move {
        let topics = [space.topic("git"), space.topic("lead")];
        assert_eq!(first_recorded_at(&space.cluster, &topics).await.expect("an answer"), None);
        let (_, _, first) = append_after(&space, "s0", None).await;
        let mut last = first;
        for subject in ["s1", "s2", "s3", "s0"] {
            (_, _, last) = append_after(&space, subject, Some(last)).await;
        }
        assert_eq!(
            first_recorded_at(&space.cluster.read_only(), &topics).await.expect("an answer"),
            Some(first)
        );
    })
    .await;
}
