//! The fold of the raw topic, apart from the runtime: verdicts, parking and chains are computed here again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use brainops_event::{PartitionCount, TopicName, partition_for, timestamp_from_millis};
use brainops_projection::{Changed, Tables as _};
use brainops_testkit::TableRows;

use crate::model::{Chain, Seen, TrialTables, link, number_of};
use crate::raw::RawFacts;

/// How many offsets back a repeat counts as one: the wire contract's number.
const WINDOW: i64 = 65_536;

/// Partitions and offsets.
pub(crate) type Places = BTreeSet<(i32, i64)>;

/// What the rows must be, and what must be set aside.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    pub(crate) rows: TableRows,
    /// Position and number of each event that counts.
    pub(crate) counted: BTreeMap<(i32, i64), u64>,
    /// Key, or `None` for one that is parked alone, with its first offset; and how many records are held.
    pub(crate) parked: BTreeMap<(i32, Option<String>, i64), u64>,
}

/// Folds a topic up to these offsets.
pub(crate) fn refold(
    topic: &TopicName,
    records: &BTreeMap<i32, Vec<RawFacts>>,
    to: &BTreeMap<i32, i64>,
    (poison, dismissed): (&Places, &Places),
    partitions: i32,
) -> Expectation {
    let (mut expectation, mut tables) = (Expectation::default(), TrialTables::default());
    let mut chains: HashMap<String, Chain> = HashMap::new();
    for (partition, records) in records {
        let end = to.get(partition).copied().unwrap_or(0);
        let mut before: HashMap<(&str, &str), i64> = HashMap::new();
        let mut held: BTreeMap<&[u8], i64> = BTreeMap::new();
        for record in records.iter().filter(|record| record.offset < end) {
            let known = before.insert((&record.source, &record.id), record.offset);
            let is_repeat =
                known.is_some_and(|known| record.offset - known <= WINDOW) && !record.id.is_empty();
            let is_poison = poison.contains(&(*partition, record.offset));
            if is_misplaced(record, *partition, partitions) {
                expectation.parked.insert((*partition, None, record.offset), 1);
                continue;
            }
            let key = record.key.as_deref().unwrap_or_default();
            if (is_repeat && !is_poison) || dismissed.contains(&(*partition, record.offset)) {
                continue;
            }
            if let Some(first) = held.get(key) {
                let parked = (*partition, Some(String::from_utf8_lossy(key).into_owned()), *first);
                *expectation.parked.entry(parked).or_default() += 1;
                continue;
            }
            if is_poison {
                held.insert(key, record.offset);
                let parked = (*partition, Some(String::from_utf8_lossy(key).into_owned()), record.offset);
                expectation.parked.insert(parked, 1);
                continue;
            }
            if record.kind == "business.metric.recorded" {
                count(topic, *partition, record, &mut chains, &mut tables, &mut expectation);
            }
        }
    }
    for chain in chains.into_values() {
        tables.chain.put(chain).expect("a row");
    }
    tables.each(&mut |rows| {
        let mut tuples = rows.tuples().expect("rows");
        tuples.sort();
        expectation.rows.insert(rows.table().name, tuples);
    });
    expectation
}

fn count(
    topic: &TopicName,
    partition: i32,
    record: &RawFacts,
    chains: &mut HashMap<String, Chain>,
    tables: &mut TrialTables,
    expectation: &mut Expectation,
) {
    let subject = record.subject.clone().unwrap_or_default();
    let number = number_of(&record.id).unwrap_or(0);
    let changed = Changed {
        source: record.source.clone(),
        id: record.id.clone(),
        position: format!("{topic}/{partition}@{}", record.offset),
    };
    let recorded_at = timestamp_from_millis(record.recorded_millis).expect("a time");
    let seen = Seen {
        partition,
        log_offset: record.offset,
        recorded_at,
        subject: subject.clone(),
        number: i64::try_from(number).expect("a small number"),
        changed: changed.clone(),
    };
    expectation.counted.insert((partition, record.offset), number);
    let before = chains.get(&subject);
    let chain = Chain {
        subject: subject.clone(),
        times: before.map_or(0, |chain| chain.times) + 1,
        sum: before.map_or(0, |chain| chain.sum) + seen.number,
        link: link(before.map(|chain| chain.link.as_str()), &changed.source, &changed.id),
        changed,
    };
    chains.insert(subject, chain);
    tables.seen.put(seen).expect("a row");
}

fn is_misplaced(record: &RawFacts, partition: i32, partitions: i32) -> bool {
    let (Some(key), Some(subject)) = (&record.key, &record.subject) else { return true };
    let belongs = partition_for(key, PartitionCount::new(partitions).expect("partitions")).get();
    key != subject.as_bytes() || belongs != partition
}
