//! How large batches are, how soon they come, and what holds up what.
use std::time::{Duration, Instant};

use brainops_event::{Offset, Outgoing, Partition, PartitionCount, SchemaId, frame, partition_for};
use brainops_log::{Batch, CatchUp, Item, Signal};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::common::{Namespace, soon, tag, verdict};
use crate::drive::{append, batches, follow, from_zero, records};

#[tokio::test]
async fn a_lone_event_comes_at_once_however_long_a_batch_may_gather() {
    Namespace::run("lone", 2, |space| async move {
        let mut follower = follow(&space, |config| config.max_wait = Duration::from_secs(60)).await;
        append(&space, (0..10).map(|id| tag("s", &id.to_string()))).await;
        batches(&mut follower, from_zero, records(10)).await;
        for id in 10..13 {
            let since = Instant::now();
            append(&space, std::iter::once(tag("s", &id.to_string()))).await;
            batches(&mut follower, from_zero, records(1)).await;
            assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        }
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn batches_grow_while_much_is_ahead_and_stay_within_their_bounds() {
    Namespace::run("grow", 2, |space| async move {
        append(&space, (0..3030).map(|id| tag(&format!("s{}", id % 40), &id.to_string()))).await;
        let catch_up = CatchUp { records: 1000, bytes: 1024 * 1024 };
        let mut follower = follow(&space, |config| {
            config.max_records = 50;
            config.max_wait = Duration::from_secs(10);
            config.catch_up = Some(catch_up);
        })
        .await;
        let all = batches(&mut follower, from_zero, records(3030)).await;
        let sizes: Vec<usize> = all.iter().map(Batch::len).collect();
        assert!(sizes.iter().all(|size| *size <= catch_up.records), "{sizes:?}");
        assert!(sizes[0] > 500, "{sizes:?}");
        assert!(sizes.last().is_some_and(|size| *size <= 50), "the end is taken in small steps: {sizes:?}");

        let mut next = std::collections::BTreeMap::new();
        for span in all.iter().flat_map(Batch::spans) {
            let expected = next.insert(span.partition, span.through).unwrap_or(Offset::ZERO);
            assert_eq!(span.from, expected, "spans follow each other");
        }
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn batches_grow_in_bytes_no_further_than_allowed() {
    Namespace::run("budget", 1, |space| async move {
        append(&space, (0..500).map(|id| tag("s", &id.to_string()))).await;
        let mut follower = follow(&space, |config| {
            config.max_records = 10;
            config.catch_up = Some(CatchUp { records: 10_000, bytes: 9_000 });
            config.max_bytes = 4_000;
        })
        .await;
        let all = batches(&mut follower, from_zero, records(500)).await;
        follower.stop().await;
        assert!(all.iter().all(|batch| batch.bytes() <= 9_000));
        assert!(all.iter().any(|batch| batch.bytes() > 4_000));
    })
    .await;
}

/// Appends what the platform would not: a value whose schema nobody knows.
async fn append_unknown(space: &Namespace, subject: &str, id: &str) {
    let Outgoing { envelope, .. } = tag(subject, id);
    let headers = envelope.headers();
    let headers = headers.iter().fold(OwnedHeaders::new(), |all, (name, value)| {
        all.insert(Header { key: name, value: Some(value.as_bytes()) })
    });
    let value = frame(SchemaId::new(1_999_999_999), b"datum");
    let producer: FutureProducer = space.raw("appender").create().expect("a client");
    let topic = space.topic("git");
    let record = FutureRecord::to(topic.as_str()).key(subject).payload(&value).headers(headers);
    producer.send(record, Duration::from_secs(10)).await.expect("acknowledged");
}

/// Subjects of partition 0 and of partition 1.
fn subjects() -> (String, String) {
    let count = PartitionCount::new(2).expect("2");
    let of = |wanted: i32| {
        let mut names = (0..).map(|number| format!("s{number}"));
        let home = |name: &String| partition_for(name.as_bytes(), count).get() == wanted;
        names.find(home).expect("some hash is even")
    };
    (of(0), of(1))
}

#[tokio::test]
async fn an_unknown_schema_holds_up_its_own_partition_only() {
    Namespace::run("apart", 2, |space| async move {
        let (stuck, free) = subjects();
        append(&space, std::iter::once(tag(&stuck, "before"))).await;
        append_unknown(&space, &stuck, "unknown").await;
        append(&space, [tag(&stuck, "after"), tag(&free, "1")].into_iter()).await;
        let mut follower =
            follow(&space, |config| config.unknown_schema_patience = Duration::from_secs(6)).await;
        let mut said = Vec::new();
        let is_free = |batch: &Batch| {
            batch.items().any(|item| matches!(item, Item::Event(event) if event.partition.get() == 1))
        };
        said.extend(batches(&mut follower, from_zero, is_free).await);
        append(&space, [tag(&free, "2"), tag(&stuck, "later")].into_iter()).await;
        said.extend(batches(&mut follower, from_zero, is_free).await); // the other one goes on

        let lag = soon("news of the one that waits", async {
            loop {
                if let Signal::Idle(lags) = follower.next().await
                    && let Some(lag) = lags.iter().find(|lag| lag.partition.get() == 0 && lag.seconds > 0.0)
                {
                    break lag.clone();
                }
            }
        })
        .await;
        assert_eq!(lag.next.get(), 1, "what waits was not delivered");

        let is_last = |batch: &Batch| batch.items().any(|item| verdict(&item).1 == "new later");
        said.extend(batches(&mut follower, from_zero, is_last).await);
        follower.stop().await;

        let stuck_partition = Partition::new(0).expect("0");
        let mut of_stuck = Vec::new();
        let mut next = Offset::ZERO;
        for batch in &said {
            for span in batch.spans().iter().filter(|span| span.partition == stuck_partition) {
                assert_eq!(span.from, next, "spans follow each other");
                assert_eq!(span.previous_digest.is_some(), next > Offset::ZERO);
                next = span.through;
                let last = batch.record_before(&span.topic, span.partition, span.through);
                assert_eq!(last.map(|(digest, _)| digest), Some(span.last_digest));
            }
            for item in batch.items() {
                let (offset, words) = verdict(&item);
                let position = match &item {
                    Item::Event(event) => event.partition,
                    Item::Poison { place, .. } | Item::Duplicate { place, .. } => place.partition,
                    Item::Misplaced { place, .. } => place.partition,
                };
                if position == stuck_partition {
                    of_stuck.push((offset.get(), words));
                }
            }
        }
        let words: Vec<&str> = of_stuck.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(
            words,
            ["new before", "poison: the registry has no schema 1999999999", "new after", "new later"]
        );
        assert!(of_stuck.is_sorted_by_key(|(offset, _)| *offset));
    })
    .await;
}
