//! Records made up, set aside and had back, without a log.
mod failures;
mod laws;

use std::collections::BTreeMap;
use std::path::Path;

use brainops_event::{Offset, Partition, TopicId, TopicName};
use tokio::runtime::Runtime;

use super::{MisplacedRecord, Spill, SpillCounts, SpillError, SpillPlan, Spilled};
use crate::batch::{Batch, Span};
use crate::config::RegistryConfig;
use crate::digest::RecordDigest;
use crate::intake::Gathered;
use crate::read::ReadOptions;
use crate::records::Records;
use crate::registry::Registry;
use crate::resolve::{Resolved, Resolver};
use crate::window::Verdict;

/// A record, made up.
#[derive(Debug, Clone)]
struct Made {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    verdict: Verdict,
    /// How many offsets after the one before.
    gap: i64,
    /// When it was recorded, in milliseconds since 1970.
    recorded_at_ms: i64,
}

impl Made {
    /// An event without a value.
    fn event(key: &str, id: usize) -> Made {
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", &id.to_string()),
            ("ce_source", "brainops/test"),
            ("ce_type", "other.thing.done"),
            ("ce_subject", key),
            ("traceparent", "kept as well"),
        ];
        Made {
            key: Some(key.into()),
            value: None,
            headers: headers.map(|(name, value)| (name.into(), Some(value.into()))).to_vec(),
            verdict: Verdict::New,
            gap: 1,
            recorded_at_ms: 1_800_000_000_000 + id as i64,
        }
    }

    fn many(count: usize) -> Vec<Made> {
        (0..count).map(|id| Made::event(&format!("subject-{}", id % 17), id)).collect()
    }
}

/// A record of a bucket, in words, with its digest.
type Seen = (Offset, RecordDigest, String);

/// All that a spill gives back.
#[derive(Debug, PartialEq)]
struct Everything {
    buckets: Vec<Vec<Seen>>,
    counts: SpillCounts,
    misplaced: Vec<MisplacedRecord>,
    last_record: Option<super::LastRecord>,
}

fn plan(buckets: u32) -> SpillPlan {
    SpillPlan {
        topic: TopicName::new("brainops.test").expect("a name"),
        topic_id: TopicId::new("AAAAAAAAAAAAAAAAAAAAAA").expect("an id"),
        partition: Partition::new(3).expect("3"),
        buckets,
        start: Offset::new(100).expect("100"),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// One that cannot be asked: nothing here needs it.
fn registry() -> Registry {
    let url = "http://127.0.0.1:1".to_owned();
    let config = RegistryConfig { url, username: None, password_file: None, ca_file: None };
    Registry::new(config).expect("the configuration holds")
}

/// The records in batches, judged and resolved as a reader's are.
async fn batches(plan: &SpillPlan, records: &[Made], sizes: &[usize]) -> Vec<Batch> {
    let mut resolver = Resolver::new(&registry(), std::time::Duration::ZERO);
    let (mut next, mut previous_digest, mut rest, mut batches) = (plan.start, None, records, Vec::new());
    let mut sizes = sizes.iter().cycle();
    let mut offset = plan.start.get() - 1;
    while !rest.is_empty() {
        let (these, others) = rest.split_at((*sizes.next().expect("a size")).clamp(1, rest.len()));
        rest = others;
        let mut gathered = Records::default();
        gathered.add_place(&plan.topic, Partition::new(0).expect("0")); // of which there is nothing
        let place = gathered.add_place(&plan.topic, plan.partition);
        for made in these {
            offset += made.gap;
            let at = (Offset::new(offset).expect("an offset"), made.recorded_at_ms);
            let parts = (made.key.as_deref(), made.value.as_deref());
            gathered.push_made(place, at, made.verdict, parts, &made.headers);
        }
        let last = *gathered.list.last().expect("one at least");
        let last_digest = gathered.digest(&last);
        let span = Span {
            topic: plan.topic.clone(),
            topic_id: plan.topic_id.clone(),
            partition: plan.partition,
            from: next,
            through: last.offset.next(),
            previous_digest: previous_digest.replace(last_digest),
            last_digest,
            last_recorded_at: last.recorded_at(),
            log_end: None,
        };
        next = span.through;
        let gathered = Gathered { records: gathered, spans: vec![span] };
        assert!(matches!(resolver.resolve(&gathered).await, Resolved::All), "nobody needs the registry");
        batches.push(resolver.finish(gathered, None));
    }
    batches
}

/// The new records of batches, by bucket.
fn expected(batches: &[Batch], buckets: u32) -> Vec<Vec<Seen>> {
    let mut all: BTreeMap<u32, Vec<Seen>> = (0..buckets).map(|bucket| (bucket, Vec::new())).collect();
    for batch in batches {
        for (record, item) in batch.records.list.iter().zip(batch.items()) {
            if record.verdict == Verdict::New {
                let key = batch.records.key(record).expect("a record without key is misplaced");
                let bucket = all.get_mut(&super::bucket_of(key, buckets)).expect("in range");
                bucket.push((record.offset, batch.records.digest(record), format!("{item:?}")));
            }
        }
    }
    all.into_values().collect()
}

/// What a bucket gives back until it ends, or fails.
async fn read_bucket(
    spilled: &Spilled,
    number: u32,
    options: ReadOptions,
) -> (Vec<Seen>, Result<(), SpillError>) {
    let mut reading = spilled.bucket(number, &registry(), options).expect("in range");
    let mut seen = Vec::new();
    while let Some(batch) = reading.next().await {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                assert!(reading.next().await.is_none(), "nothing comes after an error");
                return (seen, Err(error));
            }
        };
        assert!(!batch.is_empty() && batch.len() <= options.records.max(1));
        assert!(batch.len() == 1 || batch.bytes() <= options.bytes);
        assert!(batch.spans().is_empty());
        for (record, item) in batch.records.list.iter().zip(batch.items()) {
            seen.push((record.offset, batch.records.digest(record), format!("{item:?}")));
        }
    }
    (seen, Ok(()))
}

async fn everything(spilled: &Spilled, options: ReadOptions) -> Everything {
    let mut buckets = Vec::new();
    for number in 0..spilled.buckets() {
        let (seen, outcome) = read_bucket(spilled, number, options).await;
        outcome.expect("whole");
        assert_eq!(spilled.bucket_counts(number).expect("in range").records, seen.len() as u64);
        buckets.push(seen);
    }
    let misplaced = spilled.misplaced().collect::<Result<_, _>>().expect("whole");
    Everything { buckets, counts: spilled.counts(), misplaced, last_record: spilled.last_record() }
}

/// Where the log ends, a few offsets after its last record.
fn end(plan: &SpillPlan, records: &[Made]) -> Offset {
    let last = records.iter().fold(plan.start.get() - 1, |offset, made| offset + made.gap);
    Offset::new(last + 4).expect("an offset")
}

fn spill_all(folder: &Path, plan: &SpillPlan, batches: &[Batch], end: Offset) -> Spilled {
    let mut spill = Spill::begin(folder, plan.clone()).expect("begun");
    for batch in batches {
        spill.take(batch).expect("taken");
    }
    spill.finish(end).expect("finished")
}
