//! What is set aside of the real log is what a reader of it gets, subject by subject.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_event::{Frontier, Offset, SchemaId, frame};
use brainops_log::{
    Batch, Item, ReadOptions, Reading, Spill, SpillPlan, Spilled, bucket_of, end_frontier, read_with,
};
use common::{Namespace, tag, verdict};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

const BUCKETS: u32 = 8;

/// A record about `subject` under `key`, whose value names `schema`.
async fn send_raw(space: &Namespace, key: &str, subject: &str, id: &str, schema: SchemaId) {
    let producer: FutureProducer = space.raw("appender").create().expect("a client");
    let headers = [
        ("content-type", "application/vnd.confluent.avro"),
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "brainops/test"),
        ("ce_type", "git.tag.created"),
        ("ce_subject", subject),
    ];
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
    let (topic, value) = (space.topic("git"), frame(schema, b"datum"));
    let record = FutureRecord::to(topic.as_str()).headers(headers).key(key).payload(&value);
    producer.send(record, Duration::from_secs(10)).await.expect("acknowledged");
}

/// The next batch, if there is one before the reading ends.
async fn next(reading: &mut Reading) -> Option<Batch> {
    reading.next().await.map(|batch| batch.expect("a batch"))
}

fn in_words(item: &Item<'_>) -> (Offset, String) {
    (verdict(item).0, format!("{item:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_comes_back_as_it_was_read() {
    Namespace::run("spill", 2, |space| async move {
        let topic = space.topic("git");
        let events = (0..2000).map(|number| tag(&format!("s{}", number % 31), &number.to_string())).collect();
        for answer in space.appender().append_all(events).await {
            answer.expect("acknowledged");
        }
        space.appender().append(tag("s3", "3")).await.expect("acknowledged"); // said before
        let known = space.registry.id_for(tag("any", "1").schema).await.expect("registered");
        send_raw(&space, "s4", "s5", "elsewhere", known).await;
        send_raw(&space, "s4", "s4", "poison", SchemaId::new(1_999_999_999)).await;

        let end = end_frontier(&space.cluster, std::slice::from_ref(&topic)).await.expect("an end");
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            ReadOptions { records: 300, unknown_schema_patience: Duration::ZERO, ..ReadOptions::default() };
        let (mut records, mut duplicates, mut misplaced) = (0, 0, 0);
        for (_, partition, until) in end.iter() {
            let topic_id = end.topic_id(&topic).expect("known").clone();
            let topic = topic.clone();
            let plan = SpillPlan { topic, topic_id, partition, buckets: BUCKETS, start: Offset::ZERO };
            let folder = folder.path().join(partition.to_string());
            let (spilled, expected) = spill(&space, &folder, &plan, until, options).await;
            let counts = spilled.counts();
            records += counts.records;
            duplicates += counts.duplicates;
            misplaced += counts.misplaced;
            for one in spilled.misplaced() {
                let one = one.expect("whole");
                assert_eq!((one.key.as_deref(), one.id.as_deref()), (Some("s4"), Some("elsewhere")));
            }
            for number in 0..BUCKETS {
                let mut bucket = spilled.bucket(number, &space.registry, options).expect("in range");
                let mut found = Vec::new();
                while let Some(batch) = bucket.next().await {
                    found.extend(batch.expect("whole").items().map(|item| in_words(&item)));
                }
                assert_eq!(&found, expected.get(&number).unwrap_or(&Vec::new()), "bucket {number}");
            }
        }
        assert_eq!((records, duplicates, misplaced), (2001, 1, 1));
    })
    .await;
}

/// Reads a partition and sets it aside, killed once on the way; and what a reader gets of each bucket.
async fn spill(
    space: &Namespace,
    folder: &std::path::Path,
    plan: &SpillPlan,
    until: Offset,
    options: ReadOptions,
) -> (Spilled, BTreeMap<u32, Vec<(Offset, String)>>) {
    let cluster = space.cluster.read_only();
    let place = |offset| {
        let mut frontier = Frontier::new();
        frontier.set(plan.topic.clone(), plan.partition, offset);
        frontier
    };
    let read = |from| {
        let (from, to) = (place(from), place(until));
        let (cluster, registry) = (cluster.clone(), space.registry.clone());
        async move { read_with(&cluster, &registry, &from, &to, options).await.expect("readable") }
    };
    let mut expected: BTreeMap<u32, Vec<(Offset, String)>> = BTreeMap::new();
    let mut reading = read(plan.start).await;
    while let Some(batch) = next(&mut reading).await {
        for item in batch.items() {
            let subject = match &item {
                Item::Event(event) => event.envelope.subject(),
                Item::Poison { subject, .. } => *subject,
                Item::Duplicate { .. } | Item::Misplaced { .. } => continue,
            };
            let bucket = bucket_of(subject.expect("a subject").as_bytes(), BUCKETS);
            expected.entry(bucket).or_default().push(in_words(&item));
        }
    }

    let mut spill = Spill::begin(folder, plan.clone()).expect("begun");
    let mut reading = read(plan.start).await;
    for number in 0..3 {
        let Some(batch) = next(&mut reading).await else { break };
        spill.take(&batch).expect("taken");
        if number == 1 {
            spill.mark().expect("marked");
        }
    }
    drop(spill); // killed
    let (mut spill, from) = Spill::resume(folder, plan).expect("readable").expect("a mark");
    assert!(from > plan.start && from < until, "{from}");
    let mut reading = read(from).await;
    while let Some(batch) = next(&mut reading).await {
        spill.take(&batch).expect("taken");
    }
    drop(spill.finish(until).expect("finished"));
    (Spilled::open(folder, plan).expect("readable").expect("finished"), expected)
}
