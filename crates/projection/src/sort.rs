//! Sorts the records of a batch, without I/O: what is folded, what is parked, what is held behind something parked,
//! what decides.
//!
//! A subject of a partition is parked from its first record on that cannot be decoded or folded. Whatever comes
//! behind it is held: counted, and read again from the log when somebody decides. Which subject is parked at which
//! offset follows from the log and the fold alone, wherever batches begin and end.

use std::collections::{BTreeMap, HashMap, HashSet};

use brainops_event::{Offset, Position, Recorded, Subject, Timestamp, TopicName};
use brainops_fault::{Bug, planted};
use brainops_log::{Item, PoisonError};

use crate::batch::{chain, place_of};
use crate::checkpoint::{Move, Place};
use crate::decision::{Told, told_by};
use crate::generation::Generation;
use crate::reason::ReasonClass;

/// The parked subjects of one partition. Names have at most 512 bytes, see [`MOST_PARKED`](crate::park::MOST_PARKED)
/// for their number.
pub(crate) type Subjects = HashSet<String>;

/// The parked subjects of the partitions that an instance follows.
pub(crate) type ParkedSets = BTreeMap<Place, Subjects>;

/// Which topics a generation folds, and which one says what people decide.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) generation: Generation,
    pub(crate) folded: Vec<TopicName>,
    pub(crate) decisions: TopicName,
}

impl Scope {
    /// All topics that are followed, each once.
    pub(crate) fn topics(&self) -> Vec<TopicName> {
        let mut topics = self.folded.clone();
        if !topics.contains(&self.decisions) {
            topics.push(self.decisions.clone());
        }
        topics
    }
}

/// A record with which a subject's held ones begin, or that is held alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) place: Place,
    pub(crate) offset: Offset,
    /// `None`: the record is held alone.
    pub(crate) subject: Option<String>,
    pub(crate) class: ReasonClass,
    pub(crate) reason: String,
    pub(crate) event: Option<(String, String)>,
    pub(crate) recorded_at: Timestamp,
    pub(crate) last: Offset,
    /// Records that are held, the first included.
    pub(crate) held: u64,
}

impl Parked {
    pub(crate) fn position(&self) -> Position {
        Position { topic: self.place.0.clone(), partition: self.place.1, offset: self.offset }
    }
}

/// Why the fold cannot take an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) offset: Offset,
    pub(crate) class: ReasonClass,
    pub(crate) reason: String,
}

/// The first event of each subject that the fold cannot take, as far as attempts have shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Failures(BTreeMap<Place, HashMap<String, Failure>>);

impl Failures {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, place: &Place, subject: &str) -> Option<&Failure> {
        self.0.get(place)?.get(subject)
    }

    /// The failure of the subject of an event, if it is at or before the event.
    pub(crate) fn of(&self, event: &Recorded<'_>) -> Option<&Failure> {
        let subject = event.envelope.subject().unwrap_or_default();
        let failure = self.get(&(event.topic.clone(), event.partition), subject)?;
        (failure.offset <= event.offset).then_some(failure)
    }

    /// Notes a failure; of two of one subject, the earlier counts.
    pub(crate) fn note(&mut self, event: &Recorded<'_>, class: ReasonClass, reason: String) {
        let subjects = self.0.entry((event.topic.clone(), event.partition)).or_default();
        let failure = Failure { offset: event.offset, class, reason };
        let subject = event.envelope.subject().unwrap_or_default();
        match subjects.get_mut(subject) {
            Some(known) if known.offset <= failure.offset => {}
            Some(known) => *known = failure,
            None => drop(subjects.insert(subject.to_owned(), failure)),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (place, subjects) in other.0 {
            let known = self.0.entry(place).or_default();
            for (subject, failure) in subjects {
                match known.get_mut(&subject) {
                    Some(known) if known.offset <= failure.offset => {}
                    _ => drop(known.insert(subject, failure)),
                }
            }
        }
    }
}

/// Records behind a subject that was parked before this batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct More {
    pub(crate) held: u64,
    pub(crate) last: Offset,
}

/// A batch, sorted.
#[derive(Debug, Default)]
pub(crate) struct Sorted<'a> {
    /// What is folded, in the order of the log.
    pub(crate) events: Vec<&'a Recorded<'a>>,
    pub(crate) parked: Vec<Parked>,
    /// What comes behind subjects that were parked before.
    pub(crate) held: BTreeMap<(Place, String), More>,
    pub(crate) decisions: Vec<Told>,
    pub(crate) duplicates: u64,
    /// Records of the topic of decisions that nobody here can read. They decide nothing.
    pub(crate) unread: u64,
}

/// One partition of a batch, as far as it is moved over.
struct Strip<'a> {
    place: &'a Place,
    from: Offset,
    through: Offset,
    is_folded: bool,
    decides: bool,
    before: Option<&'a Subjects>,
    /// Where in the list of parked ones the subject's record of this batch stands.
    here: HashMap<&'a str, usize>,
}

/// What becomes of a record that is neither a repeat nor misplaced.
enum Lot {
    Fold,
    /// It is the first of its subject that cannot be taken.
    Park,
    /// Its subject was parked before this batch.
    HoldBehind,
    /// Its subject was parked in this batch, under this number.
    HoldHere(usize),
}

/// Sorts all records within the moves.
pub(crate) fn sort<'a>(
    items: &'a [Item<'a>],
    moves: &'a BTreeMap<Place, Move>,
    scope: &Scope,
    parked: &'a ParkedSets,
    failures: &Failures,
) -> Sorted<'a> {
    let mut strips: Vec<Strip<'a>> =
        moves.iter().map(|(place, one)| strip(place, one, scope, parked)).collect();
    let mut sorted = Sorted::default();
    let mut last = 0;
    for item in items {
        let (topic, partition, offset) = where_is(item);
        let is_here = |strip: &Strip<'_>| strip.place.1 == partition && strip.place.0 == *topic;
        if !strips.get(last).is_some_and(is_here) {
            let Some(found) = strips.iter().position(is_here) else { continue };
            last = found;
        }
        let strip = &mut strips[last];
        if (strip.from..strip.through).contains(&offset) {
            sorted.take(item, strip, scope, failures);
        }
    }
    sorted
}

fn strip<'a>(place: &'a Place, one: &Move, scope: &Scope, parked: &'a ParkedSets) -> Strip<'a> {
    Strip {
        place,
        from: one.claim.from,
        through: one.claim.through,
        is_folded: scope.folded.contains(&place.0),
        decides: scope.decisions == place.0,
        before: parked.get(place).filter(|subjects| !subjects.is_empty()),
        here: HashMap::new(),
    }
}

impl<'a> Sorted<'a> {
    fn take(&mut self, item: &'a Item<'a>, strip: &mut Strip<'a>, scope: &Scope, failures: &Failures) {
        if let (true, Item::Event(event)) = (strip.decides, item) {
            self.decisions.extend(told_by(event, &scope.generation));
        }
        match item {
            Item::Duplicate { .. } => self.duplicates += 1,
            Item::Misplaced { .. } | Item::Poison { .. } if !strip.is_folded => self.unread += 1,
            Item::Misplaced { reason, .. } => {
                self.park(item, None, ReasonClass::Misplaced, reason.to_string())
            }
            Item::Poison { error, .. } => match subject_of(item) {
                None => self.park(item, None, class_of(error), chain(error)),
                Some(subject) => match lot(strip, subject, None) {
                    Lot::HoldBehind => self.hold_behind(item, strip, subject),
                    Lot::HoldHere(number) => self.hold_here(item, number),
                    Lot::Fold | Lot::Park => {
                        strip.here.insert(subject, self.parked.len());
                        self.park(item, Some(subject), class_of(error), chain(error));
                    }
                },
            },
            Item::Event(_) if !strip.is_folded => {}
            Item::Event(event) => {
                let subject = event.envelope.subject().unwrap_or_default();
                let failure =
                    failures.get(strip.place, subject).filter(|failure| failure.offset <= event.offset);
                match lot(strip, subject, failure) {
                    Lot::Fold => self.events.push(event),
                    _ if planted(Bug::ParkedSuccessorLetThrough)
                        && failure.is_none_or(|failure| failure.offset < event.offset) =>
                    {
                        self.events.push(event);
                    }
                    Lot::HoldBehind => self.hold_behind(item, strip, subject),
                    Lot::HoldHere(number) => self.hold_here(item, number),
                    Lot::Park => {
                        strip.here.insert(subject_text(item).unwrap_or_default(), self.parked.len());
                        let (class, reason) = failure
                            .map_or((ReasonClass::Other, String::new()), |failure| {
                                (failure.class, failure.reason.clone())
                            });
                        self.park(item, Some(subject), class, reason);
                    }
                }
            }
        }
    }

    fn park(&mut self, item: &Item<'_>, subject: Option<&str>, class: ReasonClass, reason: String) {
        let (place, offset, recorded_at) = place_of(item);
        let (subject, event) = (subject.map(str::to_owned), event_of(item));
        self.parked.push(Parked {
            place,
            offset,
            subject,
            class,
            reason,
            event,
            recorded_at,
            last: offset,
            held: 1,
        });
    }

    fn hold_behind(&mut self, item: &Item<'_>, strip: &Strip<'_>, subject: &str) {
        let last = where_is(item).2;
        let key = (strip.place.clone(), subject.to_owned());
        let more = self.held.entry(key).or_insert(More { held: 0, last });
        *more = More { held: more.held + 1, last };
    }

    fn hold_here(&mut self, item: &Item<'_>, number: usize) {
        if let Some(parked) = self.parked.get_mut(number) {
            parked.held += 1;
            parked.last = where_is(item).2;
        }
    }
}

fn lot(strip: &Strip<'_>, subject: &str, failure: Option<&Failure>) -> Lot {
    if strip.before.is_some_and(|subjects| subjects.contains(subject)) {
        Lot::HoldBehind
    } else if let Some(number) = strip.here.get(subject) {
        Lot::HoldHere(*number)
    } else if failure.is_some() {
        Lot::Park
    } else {
        Lot::Fold
    }
}

fn where_is<'a>(item: &'a Item<'_>) -> (&'a TopicName, brainops_event::Partition, Offset) {
    match item {
        Item::Event(event) => (event.topic, event.partition, event.offset),
        Item::Duplicate { place, .. } | Item::Misplaced { place, .. } | Item::Poison { place, .. } => {
            (place.topic, place.partition, place.offset)
        }
    }
}

/// The subject of a record that counts for its subject; `None` for repeats, misplaced records, and keys that no
/// subject can have.
pub(crate) fn subject_of<'a>(item: &'a Item<'_>) -> Option<&'a str> {
    subject_text(item).filter(|subject| Subject::new(*subject).is_ok())
}

fn subject_text<'a>(item: &'a Item<'_>) -> Option<&'a str> {
    match item {
        Item::Event(event) => event.envelope.subject(),
        Item::Poison { subject, .. } => *subject,
        Item::Duplicate { .. } | Item::Misplaced { .. } => None,
    }
}

pub(crate) fn event_of(item: &Item<'_>) -> Option<(String, String)> {
    let view = match item {
        Item::Event(event) => Some(&event.envelope),
        Item::Misplaced { envelope, .. } => envelope.as_ref(),
        Item::Duplicate { .. } | Item::Poison { .. } => None,
    };
    view.map(|view| (view.source().to_owned(), view.id().to_owned()))
}

/// The class of a record that can never be read as an event.
pub(crate) fn class_of(error: &PoisonError) -> ReasonClass {
    match error {
        PoisonError::UnknownSchema { .. } => ReasonClass::UnknownEventType,
        _ => ReasonClass::EventSerialization,
    }
}

#[cfg(test)]
#[path = "sort_tests.rs"]
mod tests;
