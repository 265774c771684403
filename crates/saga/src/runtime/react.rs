//! Lets locked instances take their inputs. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use brainops_event::{Outgoing, Partition, Timestamp};
use uuid::Uuid;

use super::sort::{Inputs, Sorted};
use super::store::inbox_name;
use super::write::Before;
use crate::cast::Cast;
use crate::instance::Instance;
use crate::pen::Written;
use crate::purse::{Price, Purse};
use crate::refusal::{Refusal, RefusalClass};
use crate::sitting::{Sitting, gates_of};

/// How many inputs and decisions one `saga.reacted` tells at most: it has to fit in a record.
const MAX_TOLD: usize = 2_000;

/// An input of a batch: correlation, and place among its inputs.
pub(crate) type Cause = (String, usize);

/// Inputs that are refused, and why: their decisions stand in the log in other words.
pub(crate) type Refused = HashMap<Cause, Refusal>;

/// The refusal of an input of which a decision stands in the log in other words.
pub(crate) const CONFLICT: Refusal = Refusal::of(RefusalClass::Conflict, "decided_in_other_words");

/// What instances make of a batch.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    /// Those that have changed, by correlation.
    pub(crate) changed: Vec<(Before, Instance)>,
    /// What was decided and what is said about it, in order.
    pub(crate) events: Vec<Outgoing>,
    /// For each event the correlation and the place of its input.
    pub(crate) causes: Vec<Cause>,
    /// For each event the one before it that must stand in the log first: the `saga.reacted` of its transaction.
    pub(crate) gates: Vec<Option<usize>>,
    /// What is spent of the agent's budget.
    pub(crate) price: Price,
    /// What is left of it.
    pub(crate) purse: Purse,
    /// Names of the inputs that were taken.
    pub(crate) taken: Vec<Uuid>,
    /// Of those inputs that had been taken, whose names these are: those whose turn had not come then.
    pub(crate) early: Vec<Uuid>,
    pub(crate) repeats: u64,
    /// How many were parked and wait for a person.
    pub(crate) parked: u64,
    /// How many were parked and wait for the next hour of the agent's budget.
    pub(crate) over_budget: u64,
    /// Until when these wait.
    pub(crate) until: Option<Timestamp>,
    /// Where it was said that the budget did not suffice.
    pub(crate) queued: BTreeSet<Partition>,
}

/// Gives each instance its inputs, in order.
pub(crate) fn react(
    cast: &Cast,
    inputs: &Inputs<'_>,
    mut instances: BTreeMap<String, Instance>,
    mut known: HashSet<Uuid>,
    refused: &Refused,
    purse: Purse,
) -> Result<Reactions, Refusal> {
    let mut reactions = Reactions { purse, ..Reactions::default() };
    for (correlation, inputs) in &inputs.by_correlation {
        let instance = instances.remove(correlation);
        let before = instance.as_ref().map(Before::of).unwrap_or_default();
        let was_parked = instance.as_ref().is_some_and(|one| one.book.parked.is_some());
        let mut sitting =
            Sitting::new(cast, correlation, instance).with(std::mem::take(&mut reactions.purse));
        let (mut last, mut causes) = (None, Vec::new());
        for (place, Sorted { event, .. }) in inputs.iter().enumerate() {
            let name = inbox_name(cast.name(), correlation, event.envelope.source(), event.envelope.id());
            if known.contains(&name) {
                reactions.repeats += 1;
                continue;
            }
            let refusal = refused.get(&(correlation.clone(), place)).copied();
            if !sitting.take_or(event, inputs[place].how(), refusal)? {
                continue;
            }
            last = Some(place);
            known.insert(name);
            reactions.taken.push(name);
            causes.resize(sitting.written().len(), place);
            if causes.len() + sitting.consumed().len() > MAX_TOLD {
                let sat = sitting.finish()?;
                reactions.tell(correlation, sat.written, (place, &std::mem::take(&mut causes)));
                sitting = Sitting::new(cast, correlation, sat.instance).with(sat.purse);
            }
        }
        let sat = sitting.finish()?;
        reactions.purse = sat.purse;
        let Some(last) = last else { continue };
        reactions.tell(correlation, sat.written, (last, &causes));
        if let Some(instance) = sat.instance {
            let is_new = u64::from(!was_parked && instance.book.parked.is_some());
            match instance.is_over_budget() {
                true => reactions.over_budget += is_new,
                false => reactions.parked += is_new,
            }
            reactions.changed.push((before, instance));
        }
    }
    Ok(reactions)
}

impl Reactions {
    /// What one transaction of a saga has written: `saga.reacted`, of its last input, and then what the inputs at these
    /// places led to.
    fn tell(&mut self, correlation: &str, written: Vec<Written>, (last, places): (usize, &[usize])) {
        self.price = self.price.and(Price::of(&written));
        self.gates.extend(gates_of(self.events.len(), &written));
        let places = std::iter::once(&last).chain(places);
        self.causes.extend(places.map(|place| (correlation.to_owned(), *place)));
        self.events.extend(written.into_iter().map(|one| one.event));
    }
}
