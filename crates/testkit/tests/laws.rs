//! The laws of folding, over histories that chance decides and the real folds: the same events give the same rows,
//! however they are cut, interleaved or sorted by subject.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what must hold")]

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::types::deployment::DeploymentFailed;
use brainops_event::types::monitor::HighErrorRate;
use brainops_event::types::tool::{CallRequested, CallStarted};
use brainops_event::{Envelope, Outgoing, Partition, Position, Source, TopicName};
use brainops_projection::{FoldError, ReadModel, Tables};
use brainops_projector_deployments::Deployments;
use brainops_projector_events::Events;
use brainops_projector_leads::Leads;
use brainops_projector_operations::Operations;
use brainops_testkit::{Record, Records, histories, said};
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestCaseError;
use serde_json::json;

/// Rows of each table as COPY has them, sorted; and what was refused.
type Folded = (BTreeMap<&'static str, Vec<Vec<u8>>>, BTreeSet<String>);

/// A subject of a partition.
type OfSubject = (TopicName, Partition, String);

fn of_subject(record: &Record) -> OfSubject {
    let Position { topic, partition, .. } = record.position();
    (topic, partition, record.recorded().envelope.subject().unwrap_or_default().to_owned())
}

/// What is called for each event, in one pass over a batch.
type Step<M> = fn(&M, &Record, &mut <M as ReadModel>::Tables) -> Result<(), FoldError>;

/// Folds batch by batch, as the runtime does: what is refused ends its subject, and changes no row.
fn fold<M: ReadModel>(model: &M, batches: &[Vec<&Record>]) -> Folded {
    let mut refused: BTreeSet<String> = BTreeSet::new();
    loop {
        let (mut tables, mut held, known) = (M::Tables::default(), BTreeSet::new(), refused.len());
        for batch in batches {
            tables.each(&mut |rows| rows.forget_batch());
            let mut taken = Vec::new();
            for record in batch {
                if refused.contains(&record.position().to_string()) {
                    held.insert(of_subject(record));
                } else if !held.contains(&of_subject(record)) {
                    taken.push(*record);
                }
            }
            // What is refused now ends its subject in this pass, which is then not the last one.
            let mut ended = BTreeSet::new();
            let steps: [Step<M>; 2] = [
                |model, record, tables| model.want(&record.recorded(), tables),
                |model, record, tables| model.fold(&record.recorded(), tables),
            ];
            for step in steps {
                for record in &taken {
                    if ended.contains(&of_subject(record)) {
                        continue;
                    }
                    if let Err(error) = step(model, record, &mut tables) {
                        assert!(!error.is_own_fault(), "{} at {}: {error}", model.name(), record.position());
                        refused.insert(record.position().to_string());
                        ended.insert(of_subject(record));
                    }
                }
            }
            held.extend(ended);
        }
        if refused.len() == known {
            return (rows_of(&mut tables), refused);
        }
    }
}

fn rows_of<T: Tables>(tables: &mut T) -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut all = BTreeMap::new();
    tables.each(&mut |rows| {
        let mut tuples = rows.tuples().unwrap();
        tuples.sort();
        all.insert(rows.table().name, tuples);
    });
    all
}

/// Each subject alone, as a rebuild folds buckets; then all of them together.
fn subject_by_subject<M: ReadModel>(model: &M, records: &[&Record]) -> Folded {
    let mut subjects: BTreeMap<OfSubject, Vec<&Record>> = BTreeMap::new();
    records.iter().for_each(|record| subjects.entry(of_subject(record)).or_default().push(record));
    let (mut rows, mut refused) = (rows_of(&mut M::Tables::default()), BTreeSet::new());
    for of_one in subjects.into_values() {
        let (more, more_refused) = fold(model, &[of_one]);
        more.into_iter().for_each(|(table, more)| rows.entry(table).or_default().extend(more));
        refused.extend(more_refused);
    }
    rows.values_mut().for_each(|rows| rows.sort());
    (rows, refused)
}

/// The same records, those of a partition in their order, partitions in any.
fn interleaved<'a>(records: &[&'a Record], chance: &[u8]) -> Vec<&'a Record> {
    let mut partitions: BTreeMap<(TopicName, Partition), std::collections::VecDeque<&Record>> =
        BTreeMap::new();
    for record in records {
        let Position { topic, partition, .. } = record.position();
        partitions.entry((topic, partition)).or_default().push_back(record);
    }
    let mut queues: Vec<_> = partitions.into_values().collect();
    let (mut all, mut roll) = (Vec::new(), chance.iter().cycle());
    while !queues.is_empty() {
        let number = usize::from(*roll.next().unwrap_or(&0)) % queues.len();
        all.extend(queues[number].pop_front());
        queues.retain(|queue| !queue.is_empty());
    }
    all
}

/// The same records in batches of any length.
fn cut<'a>(records: &[&'a Record], chance: &[u8]) -> Vec<Vec<&'a Record>> {
    let (mut batches, mut rest, mut roll) = (Vec::new(), records, chance.iter().rev().cycle());
    while !rest.is_empty() {
        let length = (usize::from(*roll.next().unwrap_or(&0)) % 17 + 1).min(rest.len());
        batches.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    batches
}

fn laws_hold<M: ReadModel>(model: &M, history: Vec<Outgoing>, chance: &[u8]) -> Result<(), TestCaseError> {
    let mut log = Records::new();
    history.into_iter().for_each(|event| log.append(event));
    let all: Vec<&Record> = log.iter().collect();
    let expected = fold(model, &all.iter().map(|record| vec![*record]).collect::<Vec<_>>());
    let same = |what: &str, found: &Folded| {
        proptest::prop_assert!(
            found.1 == expected.1,
            "{what}: refused {:?}, expected {:?}",
            found.1,
            expected.1
        );
        for (table, rows) in &expected.0 {
            proptest::prop_assert!(found.0.get(table) == Some(rows), "{what}: other rows of {table}");
        }
        Ok(())
    };
    same("as one batch", &fold(model, std::slice::from_ref(&all)))?;
    same("in batches", &fold(model, &cut(&all, chance)))?;
    let other = interleaved(&all, chance);
    same(
        "interleaved, one by one",
        &fold(model, &other.iter().map(|record| vec![*record]).collect::<Vec<_>>()),
    )?;
    same("interleaved, in batches", &fold(model, &cut(&other, chance)))?;
    let (prefix, rest) = all.split_at(usize::from(chance[0]) * all.len() / 256);
    same("a prefix, then the rest", &fold(model, &[prefix.to_vec(), rest.to_vec()]))?;
    same("subject by subject", &subject_by_subject(model, &all))
}

fn chance() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..40)
}

/// Some hundred histories of each read model, within seconds.
fn cases() -> ProptestConfig {
    ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn of_leads(history in histories(&["lead"], 1..60), chance in chance()) {
        laws_hold(&Leads, history, &chance)?;
    }

    #[test]
    fn of_deployments(history in histories(&["git", "deployment"], 1..60), chance in chance()) {
        laws_hold(&Deployments, history, &chance)?;
    }

    #[test]
    fn of_operations(history in histories(&["monitor", "saga", "tool", "agent"], 1..90), chance in chance()) {
        laws_hold(&Operations, history, &chance)?;
    }

    #[test]
    fn of_events(history in histories(&["git", "deployment", "lead", "monitor"], 1..60), chance in chance()) {
        laws_hold(&Events, history, &chance)?;
    }
}

/// A part of a datum is missing.
fn cut_off(mut event: Outgoing) -> Outgoing {
    event.datum.truncate(event.datum.len() / 2);
    event
}

/// Of two bad events of one subject the first is refused and the second held, also where the second is bad at first sight.
#[test]
fn of_two_bad_events_of_a_subject_the_first_is_refused() {
    let at = brainops_event::timestamp_from_millis(1_767_225_600_000).unwrap();
    let asked = said::<CallRequested>("c-1", "desk/1", at, json!({"tool": "files.read", "arguments": "{}"}));
    let elsewhere = json!({
        "call_source": "testkit", "call_id": "c-1", "call_subject": "desk/2", "tool": "files.read", "attempt": 1, "epoch": 1, "executor": "e",
    });
    let started = said_by_gate(said::<CallStarted>("e-1", "desk/1", at, elsewhere));
    laws_hold(&Operations, vec![cut_off(asked), started], &[0]).unwrap();
    let failed = |id: &str, service: &str| {
        let data = json!({"service": service, "environment": "eu", "deployment_id": "d-1", "sha": "a"});
        said::<DeploymentFailed>(id, "shop/eu", at, data)
    };
    let mut first = failed("a", "shop");
    first.datum.truncate(first.datum.len() - 6); // its names are whole, the rest is not
    laws_hold(&Deployments, vec![first.clone(), failed("b", "mail")], &[0]).unwrap();
    laws_hold(&Deployments, vec![first, cut_off(failed("b", "shop"))], &[0]).unwrap();
    let rate = json!({"service": "shop", "environment": "eu", "from": 0, "through": 0, "requests": 1, "errors": 1, "max_error_percent": 1.0});
    let high = |id: &str, subject: &str| said::<HighErrorRate>(id, subject, at, rate.clone());
    let mut first = high("a", "shop/us");
    first.datum.truncate(first.datum.len() - 6);
    laws_hold(&Operations, vec![first, high("b", "shop/us")], &[0]).unwrap();
}

fn said_by_gate(event: Outgoing) -> Outgoing {
    let Outgoing { envelope, schema, datum } = event;
    let gate = Source::new("brainops/tool").unwrap();
    let (id, subject) = (envelope.id().clone(), envelope.subject().clone());
    Outgoing::from_datum(Envelope::new(id, gate, envelope.event_type().clone(), subject), schema, datum)
        .unwrap()
}

/// Whether the generator makes what the laws are about: rows, refusals and repeats.
#[test]
fn histories_have_rows_refusals_and_repeats() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut rows, mut refused, mut repeats) = (0, 0, 0);
    for _ in 0..50 {
        let history = histories(&["lead"], 60..61).new_tree(&mut runner).unwrap().current();
        let mut log = Records::new();
        history.into_iter().for_each(|event| log.append(event));
        let all: Vec<&Record> = log.iter().collect();
        repeats += 60 - all.len();
        let folded = subject_by_subject(&Leads, &all);
        rows += folded.0.values().map(Vec::len).sum::<usize>();
        refused += folded.1.len();
    }
    assert!(rows > 500 && refused > 30 && repeats > 10, "{rows} rows, {refused} refused, {repeats} repeats");
}
