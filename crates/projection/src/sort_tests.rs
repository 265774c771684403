//! Whatever batches the records come in: the same rows, and the same subjects parked at the same offsets.

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::{
    Body, Envelope, EventId, EventType, Partition, PartitionCount, Source, Subject, TopicId, partition_for,
};
use brainops_log::{Misplacement, Place as LogPlace};
use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::advance::Claim;
use crate::generation::ModelName;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// The fold refuses it.
    Refused,
    /// It can never be read.
    Poison,
    /// It has a key that no subject can have.
    Alone,
    Misplaced,
    Repeat,
}

/// A record: its subject's number and what it is. It lies in the partition of its subject.
#[derive(Debug, Clone, Copy)]
struct Said {
    subject: u8,
    kind: Kind,
}

/// What is parked: from where on, up to where, and how many.
type Queue = (i64, i64, u64);

/// What there is in the end: of each subject, the offsets that were folded; and what is parked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stored {
    rows: BTreeMap<String, Vec<i64>>,
    parked: BTreeMap<String, Queue>,
    alone: BTreeSet<(i32, i64)>,
}

fn name(subject: u8) -> String {
    format!("subjects/{subject}")
}

fn partition_of(said: Said) -> i32 {
    partition_for(name(said.subject).as_bytes(), PartitionCount::new(2).unwrap()).get()
}

/// What must be, one record after another, and without any of the code under test.
fn expected(log: &[Said]) -> Stored {
    let (mut stored, mut next) = (Stored::default(), [0i64; 2]);
    for said in log {
        let (subject, partition) = (name(said.subject), partition_of(*said));
        let offset = next[partition as usize];
        next[partition as usize] += 1;
        match said.kind {
            Kind::Repeat => {}
            Kind::Alone | Kind::Misplaced => drop(stored.alone.insert((partition, offset))),
            Kind::Good | Kind::Refused | Kind::Poison => match stored.parked.get_mut(&subject) {
                Some((_, last, held)) => (*last, *held) = (offset, *held + 1),
                None if said.kind == Kind::Good => stored.rows.entry(subject).or_default().push(offset),
                None => drop(stored.parked.insert(subject, (offset, offset, 1))),
            },
        }
    }
    stored
}

/// The runtime's way: batches that are sorted, tried, and sorted again without what was refused.
struct Runtime {
    topic: TopicName,
    scope: Scope,
    sets: ParkedSets,
    stored: Stored,
}

impl Runtime {
    fn new() -> Self {
        let topic = TopicName::new("brainops.lead").unwrap();
        let read_model = ModelName::new("leads").unwrap();
        let generation = Generation::of_lineage(read_model, 1, 1);
        let decisions = TopicName::new("brainops.projection").unwrap();
        let scope = Scope { generation, folded: vec![topic.clone()], decisions };
        Self { topic, scope, sets: ParkedSets::new(), stored: Stored::default() }
    }

    /// Applies one batch: records with their offsets.
    fn apply(&mut self, batch: &[(Said, i64)]) {
        let envelopes: Vec<Envelope> = batch.iter().map(|(said, offset)| envelope(*said, *offset)).collect();
        let topic = self.topic.clone();
        let items: Vec<Item<'_>> = batch
            .iter()
            .zip(&envelopes)
            .map(|((said, offset), envelope)| item(&topic, *said, *offset, envelope))
            .collect();
        let moves = moves(&topic, batch);
        let mut failures = Failures::default();
        let (parked, held) = loop {
            let sorted = sort(&items, &moves, &self.scope, &self.sets, &failures);
            let mut refused = Failures::default();
            for event in &sorted.events {
                if matches!(&event.body, Body::Json(text) if text == "refuse") {
                    refused.note(event, ReasonClass::ApplyEvent, "it says so".to_owned());
                }
            }
            if refused.is_empty() {
                for event in sorted.events {
                    let rows = self.stored.rows.entry(event.envelope.subject().unwrap().to_owned());
                    rows.or_default().push(event.offset.get());
                }
                break (sorted.parked, sorted.held);
            }
            failures.merge(refused);
        };
        for one in parked {
            let queue = (one.offset.get(), one.last.get(), one.held);
            match one.subject {
                None => drop(self.stored.alone.insert((one.place.1.get(), one.offset.get()))),
                Some(subject) => {
                    self.sets.entry(one.place).or_default().insert(subject.clone());
                    assert_eq!(self.stored.parked.insert(subject, queue), None, "parked once");
                }
            }
        }
        for ((_, subject), more) in held {
            let (_, last, held) = self.stored.parked.get_mut(&subject).expect("held behind what is parked");
            (*last, *held) = (more.last.get(), *held + more.held);
        }
    }
}

fn envelope(said: Said, offset: i64) -> Envelope {
    Envelope::new(
        EventId::new(format!("{}-{offset}", said.subject)).unwrap(),
        Source::new("tests").unwrap(),
        EventType::new("lead.told").unwrap(),
        Subject::new(name(said.subject)).unwrap(),
    )
}

fn item<'a>(topic: &'a TopicName, said: Said, offset: i64, envelope: &'a Envelope) -> Item<'a> {
    let (partition, offset) = (Partition::new(partition_of(said)).unwrap(), Offset::new(offset).unwrap());
    let recorded_at = DateTime::UNIX_EPOCH;
    let place = LogPlace { topic, partition, offset, recorded_at };
    let view = envelope.view();
    let error = PoisonError::UnknownSchema { reference: "7".to_owned() };
    match said.kind {
        Kind::Good | Kind::Refused => {
            let body = Body::Json(if said.kind == Kind::Good { "fold" } else { "refuse" }.into());
            Item::Event(Recorded { topic, partition, offset, recorded_at, envelope: view, body })
        }
        Kind::Poison => Item::Poison { place, subject: Some(envelope.subject().as_str()), error },
        Kind::Alone => Item::Poison { place, subject: Some("a\nkey"), error },
        Kind::Misplaced => {
            Item::Misplaced { place, key: None, envelope: Some(view), reason: Misplacement::NullKey }
        }
        Kind::Repeat => Item::Duplicate { place, first: Offset::ZERO },
    }
}

fn moves(topic: &TopicName, batch: &[(Said, i64)]) -> BTreeMap<Place, Move> {
    let mut moves = BTreeMap::new();
    for partition in 0..2 {
        let offsets =
            batch.iter().filter(|(said, _)| partition_of(*said) == partition).map(|(_, offset)| *offset);
        let (Some(first), Some(last)) = (offsets.clone().min(), offsets.max()) else { continue };
        let (from, through) = (Offset::new(first).unwrap(), Offset::new(last + 1).unwrap());
        let one = Move {
            topic_id: TopicId::new("an-id").unwrap(),
            claim: Claim { epoch: 1, from, through },
            last_digest: None,
            last_recorded_at: None,
        };
        moves.insert((topic.clone(), Partition::new(partition).unwrap()), one);
    }
    moves
}

fn logs() -> impl Strategy<Value = Vec<Said>> {
    let kind = prop_oneof![
        12 => Just(Kind::Good),
        1 => Just(Kind::Refused),
        1 => Just(Kind::Poison),
        1 => Just(Kind::Alone),
        1 => Just(Kind::Misplaced),
        1 => Just(Kind::Repeat),
    ];
    prop::collection::vec((0u8..8, kind).prop_map(|(subject, kind)| Said { subject, kind }), 0..120)
}

proptest! {
    #[test]
    fn what_is_folded_and_what_is_parked_follows_from_the_log_alone(
        log in logs(),
        cuts in prop::collection::btree_set(0usize..120, 0..20),
    ) {
        let mut next = [0i64; 2];
        let numbered: Vec<(Said, i64)> = log.iter().map(|said| {
            let next = &mut next[partition_of(*said) as usize];
            *next += 1;
            (*said, *next - 1)
        }).collect();
        let mut runtime = Runtime::new();
        let mut from = 0;
        for cut in cuts.into_iter().map(|cut| cut.min(numbered.len())).chain([numbered.len()]) {
            runtime.apply(&numbered[from..cut]);
            from = cut;
        }
        prop_assert_eq!(runtime.stored, expected(&log));
    }
}
