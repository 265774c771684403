//! What people decided about a read model, read from the log up to the goal: which records are left out, and what the
//! new generation must know of decisions.

use std::collections::{BTreeMap, HashSet};

use brainops_event::{Frontier, Offset, Position, Timestamp};
use brainops_log::{Item, RecordDigest, read};

use super::error::RebuildError;
use super::work::Workshop;
use crate::checkpoint::Place;
use crate::decision::{About, DecisionKind, Told, told_by};
use crate::sort::Scope;

/// The decisions of a read model up to a frontier.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// Records that are left out for good.
    dismissed: HashSet<(Place, Offset)>,
    pub(crate) all: Vec<Told>,
    /// Of each partition of the topic of decisions, the last record.
    pub(crate) last: BTreeMap<Place, (RecordDigest, Timestamp)>,
}

impl Decided {
    /// Reads them all: there are as many as people have decided, and as subjects were parked.
    pub(crate) async fn read(shop: &Workshop, scope: &Scope, goal: &Frontier) -> Result<Self, RebuildError> {
        let mut to = Frontier::new();
        for (topic, partition, next) in goal.iter().filter(|(topic, ..)| **topic == scope.decisions) {
            to.set(topic.clone(), partition, next);
        }
        if let Some(id) = goal.topic_id(&scope.decisions) {
            to.set_topic_id(scope.decisions.clone(), id.clone());
        }
        let mut decided = Self::default();
        if to.iter().all(|(.., next)| next == Offset::ZERO) {
            return Ok(decided);
        }
        let mut reading = read(&shop.log, &shop.registry, &Frontier::new(), &to).await?;
        while let Some(batch) = reading.next().await {
            let batch = batch?;
            for item in batch.items() {
                let Item::Event(event) = item else { continue };
                decided.take(told_by(&event, &scope.generation));
            }
            for span in batch.spans() {
                let place = (span.topic.clone(), span.partition);
                decided.last.insert(place, (span.last_digest, span.last_recorded_at));
            }
        }
        decided.all.sort_by_key(|told| order(&told.decision.position));
        Ok(decided)
    }

    fn take(&mut self, told: Option<Told>) {
        let Some(told) = told else { return };
        if let (DecisionKind::Dismiss, About::Record(place, offset)) = (told.decision.kind, &told.about) {
            self.dismissed.insert((place.clone(), *offset));
        }
        self.all.push(told);
    }

    /// Whether a record is left out for good.
    pub(crate) fn is_dismissed(&self, place: &Place, offset: Offset) -> bool {
        // Nearly always there are none: then no key is made to look for one.
        !self.dismissed.is_empty() && self.dismissed.contains(&(place.clone(), offset))
    }
}

fn order(position: &Position) -> (String, i32, i64) {
    (position.topic.to_string(), position.partition.get(), position.offset.get())
}
