//! Sorts a batch: which records are inputs of which instances, and of which nobody can say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use brainops_checkpoint::Place;
use brainops_event::{Position, Recorded};
use brainops_log::Item;

use crate::cast::{Cast, Deliveries};
use crate::own::{Own, addressee, is_own};
use crate::refusal::Refusal;
use crate::route::Delivery;
use crate::sitting::How;

/// An input of one instance.
#[derive(Debug)]
pub(crate) struct Sorted<'a> {
    pub(crate) event: &'a Recorded<'a>,
    /// By version of the agent; nothing: from the topic `saga`.
    pub(crate) deliveries: Option<Deliveries>,
}

/// A record of which nobody can say whom it concerns.
#[derive(Debug, Clone)]
pub(crate) struct Unrouted {
    pub(crate) position: Position,
    pub(crate) event: Option<(String, String)>,
    pub(crate) class: &'static str,
    pub(crate) code: &'static str,
}

/// The inputs of a batch, by correlation, each instance's in order.
#[derive(Debug, Default)]
pub(crate) struct Inputs<'a> {
    pub(crate) by_correlation: BTreeMap<String, Vec<Sorted<'a>>>,
    pub(crate) unrouted: Vec<Unrouted>,
}

impl Sorted<'_> {
    pub(crate) const fn how(&self) -> How<'_> {
        match &self.deliveries {
            None => How::Own,
            Some(deliveries) => How::Routed(deliveries),
        }
    }

    /// Whether it comes from the topic `saga`.
    pub(crate) const fn is_own(&self) -> bool {
        self.deliveries.is_none()
    }

    /// Whether it may make an instance where there is none.
    pub(crate) fn may_begin(&self, newest: u32) -> bool {
        let by_newest = self.deliveries.as_ref().and_then(|deliveries| deliveries.get(&newest));
        by_newest.is_some_and(|delivery| *delivery != Delivery::Running)
    }
}

/// Sorts items; repeats within the window of the log are nobody's.
pub(crate) fn sort<'a>(cast: &Cast, items: &'a [Item<'a>]) -> Inputs<'a> {
    let mut inputs = Inputs::default();
    for item in items {
        match item {
            Item::Event(event) => inputs.route(cast, event),
            Item::Duplicate { .. } => {}
            Item::Misplaced { place, envelope, .. } => {
                let event = envelope.as_ref().map(|one| (one.source().to_owned(), one.id().to_owned()));
                let position = place.position();
                inputs.unrouted.push(Unrouted { position, event, class: "misplaced", code: "misplaced" });
            }
            Item::Poison { place, .. } => {
                let position = place.position();
                inputs.unrouted.push(Unrouted {
                    position,
                    event: None,
                    class: "unreadable",
                    code: "unreadable",
                });
            }
        }
    }
    inputs
}

impl<'a> Inputs<'a> {
    fn route(&mut self, cast: &Cast, event: &'a Recorded<'a>) {
        if is_own(event) {
            let Some(correlation) = addressee(cast.name(), event) else { return };
            match Own::of(event) {
                Ok(_) => {
                    let sorted = Sorted { event, deliveries: None };
                    self.by_correlation.entry(correlation.to_owned()).or_default().push(sorted);
                }
                Err(refusal) => self.refuse(event, refusal),
            }
            return;
        }
        match cast.route(event) {
            Ok(routed) => {
                for (correlation, deliveries) in routed {
                    let sorted = Sorted { event, deliveries: Some(deliveries) };
                    self.by_correlation.entry(correlation).or_default().push(sorted);
                }
            }
            Err(refusal) => self.refuse(event, refusal),
        }
    }

    fn refuse(&mut self, event: &Recorded<'_>, refusal: Refusal) {
        self.unrouted.push(Unrouted {
            position: event.position(),
            event: Some((event.envelope.source().to_owned(), event.envelope.id().to_owned())),
            class: refusal.class().as_str(),
            code: refusal.code(),
        });
    }

    /// Whether nobody is concerned.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_correlation.is_empty() && self.unrouted.is_empty()
    }

    /// Leaves out what stands in partitions that are not ours any more.
    pub(crate) fn keep_only(&mut self, places: &BTreeSet<Place>) {
        for inputs in self.by_correlation.values_mut() {
            inputs.retain(|one| places.contains(&(one.event.topic.clone(), one.event.partition)));
        }
        self.by_correlation.retain(|_, inputs| !inputs.is_empty());
        self.unrouted.retain(|one| places.contains(&(one.position.topic.clone(), one.position.partition)));
    }
}
