//! What setting aside by subject costs beside reading into nothing, and reading it back.
use std::path::Path;

use brainops_event::{Frontier, Offset, Partition};
use brainops_log::{ReadOptions, Spill, SpillPlan, Spilled, read_with, remove_spill};

use crate::data::{Data, number};
use crate::figures::{Clock, Took, spread, status_mib};
use crate::ours::sink;

const BUCKETS: u32 = 256;
const MARK_EVERY_BYTES: u64 = 64 * 1024 * 1024;
const OPTIONS: ReadOptions = ReadOptions {
    records: 20_000,
    bytes: 8 * 1024 * 1024,
    unknown_schema_patience: std::time::Duration::from_secs(60),
};

pub async fn measure(data: &Data) {
    let (rounds, events) = (number("BENCH_ROUNDS", 5), data.events);
    println!("spill: {events} records, partition by partition, {BUCKETS} buckets, {rounds} rounds");
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let folder = tempfile::tempdir().expect("a folder");
        let null = all(data, |_, _| Sink::Null).await;
        let spilling = all(data, |partition, start| {
            let folder = folder.path().join(partition.to_string());
            Sink::Spill(Box::new(Spill::begin(&folder, plan(data, partition, start)).expect("begun")))
        })
        .await;
        let back = read_back(data, folder.path()).await;
        for (name, took) in [("null sink", null), ("spilling", spilling), ("buckets again", back)] {
            let (rate, each) = (took.per_second(events), took.cpu_each(events));
            println!("  {round} {name:<20} {rate:>10.0} events/s  {each:.3} us CPU/event");
        }
        wall.push(spilling.wall.as_secs_f64() / null.wall.as_secs_f64());
        cpu.push(spilling.cpu / null.cpu);
    }
    println!("  spilling / null sink: wall {}", spread(wall));
    println!("  spilling / null sink: CPU  {}", spread(cpu));
    println!("  {:.1} MiB resident at most", status_mib("VmHWM"));
}

enum Sink {
    Null,
    Spill(Box<Spill>),
}

fn plan(data: &Data, partition: Partition, start: Offset) -> SpillPlan {
    let (topic, topic_id) = (data.topic.clone(), data.end.topic_id(&data.topic).expect("known").clone());
    SpillPlan { topic, topic_id, partition, buckets: BUCKETS, start }
}

/// Reads every partition once, one after the other.
async fn all(data: &Data, sink_of: impl Fn(Partition, Offset) -> Sink) -> Took {
    let clock = Clock::start();
    for (topic, partition, end) in data.end.iter() {
        let mut to = Frontier::new();
        to.set(topic.clone(), partition, end);
        let (cluster, registry) = (&data.space.cluster, &data.space.registry);
        let mut reading =
            read_with(cluster, registry, &Frontier::new(), &to, OPTIONS).await.expect("readable");
        let mut into = sink_of(partition, Offset::ZERO);
        while let Some(batch) = reading.next().await {
            let batch = batch.expect("a batch");
            let Sink::Spill(spill) = &mut into else {
                sink(&batch);
                continue;
            };
            tokio::task::block_in_place(|| {
                spill.take(&batch).expect("taken");
                if spill.unmarked_bytes() >= MARK_EVERY_BYTES {
                    spill.mark().expect("marked");
                }
            });
        }
        if let Sink::Spill(spill) = into {
            tokio::task::block_in_place(|| spill.finish(end).expect("finished"));
        }
    }
    clock.stop()
}

/// Looks at every record of every bucket.
async fn read_back(data: &Data, folder: &Path) -> Took {
    let (clock, mut seen) = (Clock::start(), 0);
    for (_, partition, _) in data.end.iter() {
        let folder = folder.join(partition.to_string());
        let plan = plan(data, partition, Offset::ZERO);
        let spilled = Spilled::open(&folder, &plan).expect("readable").expect("finished");
        for bucket in 0..BUCKETS {
            let mut reading = spilled.bucket(bucket, &data.space.registry, OPTIONS).expect("in range");
            while let Some(batch) = reading.next().await {
                seen += sink(&batch.expect("whole"));
            }
        }
        remove_spill(&folder).expect("removed");
    }
    assert_eq!(seen, data.events);
    clock.stop()
}
