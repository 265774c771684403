//! The pure part of a batch: which records are folded, set aside or refused.

use std::collections::BTreeMap;

use brainops_event::{Offset, Recorded, Timestamp};
use brainops_log::{Batch, Item, PoisonError};

use crate::checkpoint::{Move, Place};
use crate::error::FoldError;
use crate::held::Stop;
use crate::model::ReadModel;
use crate::plan::Cut;
use crate::reason::ReasonClass;

/// A record to be set aside.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub(crate) place: Place,
    pub(crate) offset: Offset,
    pub(crate) reason: String,
    pub(crate) event: Option<(String, String)>,
    pub(crate) recorded_at: Timestamp,
}

/// What became of the records of one attempt.
#[derive(Debug)]
pub(crate) struct Folded<T> {
    pub(crate) tables: T,
    pub(crate) parked: Vec<Parked>,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
}

/// Why a batch cannot be folded as it is.
#[derive(Debug)]
pub(crate) enum Unfolded {
    /// Events were refused: their partitions are to be cut before them.
    Refused(BTreeMap<Place, Cut>),
    /// The read model's own code is at fault.
    OwnFault { position: Option<brainops_event::Position>, error: FoldError },
}

/// The place, offset and recorded time of a record.
pub(crate) fn place_of(item: &Item<'_>) -> (Place, Offset, Timestamp) {
    match item {
        Item::Event(event) => ((event.topic.clone(), event.partition), event.offset, event.recorded_at),
        Item::Duplicate { place, .. } | Item::Misplaced { place, .. } | Item::Poison { place, .. } => {
            ((place.topic.clone(), place.partition), place.offset, place.recorded_at)
        }
    }
}

/// Where each partition must stop because a record can never be read.
pub(crate) fn poison_cuts(batch: &Batch, items: &[Item<'_>]) -> BTreeMap<Place, Cut> {
    let mut cuts = BTreeMap::new();
    for item in items {
        if let Item::Poison { place, error, .. } = item {
            let key = (place.topic.clone(), place.partition);
            let stop = Stop { class: class_of(error), reason: chain(error), at: Some(place.position()) };
            cuts.entry(key).or_insert_with(|| Cut {
                at: place.offset,
                recorded_at: place.recorded_at,
                before: batch.record_before(place.topic, place.partition, place.offset),
                stop,
            });
        }
    }
    cuts
}

fn class_of(error: &PoisonError) -> ReasonClass {
    match error {
        PoisonError::UnknownSchema { .. } => ReasonClass::UnknownEventType,
        _ => ReasonClass::EventSerialization,
    }
}

/// The longest reason that is kept, in characters.
const REASON_LIMIT: usize = 1_000;

/// An error with its causes, in one line that every text column can hold.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": "); // some errors have said their cause already
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.chars().take(REASON_LIMIT).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Whether a record lies in what is to be moved over.
fn is_in(moves: &BTreeMap<Place, Move>, place: &Place, offset: Offset) -> bool {
    moves.get(place).is_some_and(|one| (one.claim.from..one.claim.through).contains(&offset))
}

/// Names all rows that folding will read.
pub(crate) fn want_all<M: ReadModel>(
    model: &M,
    batch: &Batch,
    items: &[Item<'_>],
    moves: &BTreeMap<Place, Move>,
) -> Result<M::Tables, Unfolded> {
    let mut tables = M::Tables::default();
    each_event(batch, items, moves, |event| model.want(event, &mut tables))?;
    Ok(tables)
}

/// Folds all events into the loaded rows, and collects what is set aside.
pub(crate) fn fold_all<M: ReadModel>(
    model: &M,
    batch: &Batch,
    items: &[Item<'_>],
    moves: &BTreeMap<Place, Move>,
    mut tables: M::Tables,
) -> Result<Folded<M::Tables>, Unfolded> {
    let events = each_event(batch, items, moves, |event| model.fold(event, &mut tables))?;
    let (mut parked, mut duplicates) = (Vec::new(), 0);
    for item in items {
        let (place, offset, recorded_at) = place_of(item);
        if !is_in(moves, &place, offset) {
            continue;
        }
        match item {
            Item::Duplicate { .. } => duplicates += 1,
            Item::Misplaced { envelope, reason, .. } => {
                let event = envelope.as_ref().map(|view| (view.source().to_owned(), view.id().to_owned()));
                parked.push(Parked { place, offset, reason: reason.to_string(), event, recorded_at });
            }
            Item::Event(_) | Item::Poison { .. } => {}
        }
    }
    Ok(Folded { tables, parked, events, duplicates })
}

/// Calls `each` for every event in the moves. A refused event ends its partition; others go on, so that one more
/// attempt is enough for all of them.
fn each_event(
    batch: &Batch,
    items: &[Item<'_>],
    moves: &BTreeMap<Place, Move>,
    mut each: impl FnMut(&Recorded<'_>) -> Result<(), FoldError>,
) -> Result<u64, Unfolded> {
    let mut refused: BTreeMap<Place, Cut> = BTreeMap::new();
    let mut events = 0;
    for item in items {
        let Item::Event(event) = item else { continue };
        let place = (event.topic.clone(), event.partition);
        if !is_in(moves, &place, event.offset) || refused.contains_key(&place) {
            continue;
        }
        match each(event) {
            Ok(()) => events += 1,
            Err(error) if error.is_own_fault() => {
                return Err(Unfolded::OwnFault { position: Some(event.position()), error });
            }
            Err(error) => {
                refused.insert(place, refusal(batch, event, &error));
            }
        }
    }
    if refused.is_empty() { Ok(events) } else { Err(Unfolded::Refused(refused)) }
}

fn refusal(batch: &Batch, event: &Recorded<'_>, error: &FoldError) -> Cut {
    let stop = Stop { class: error.class(), reason: chain(error), at: Some(event.position()) };
    let before = batch.record_before(event.topic, event.partition, event.offset);
    Cut { at: event.offset, recorded_at: event.recorded_at, before, stop }
}
