//! Lets locked instances take their inputs. Pure.

use std::collections::{BTreeMap, HashSet};

use brainops_event::Outgoing;
use uuid::Uuid;

use super::sort::{Inputs, Sorted};
use super::store::inbox_name;
use super::write::Before;
use crate::cast::Cast;
use crate::instance::Instance;
use crate::refusal::{Refusal, RefusalClass};
use crate::sitting::Sitting;

/// How many inputs and decisions one `saga.reacted` tells at most: it has to fit in a record.
const MAX_TOLD: usize = 2_000;

/// An input whose decisions stand in the log in other words: correlation, and place among the inputs of the batch.
pub(crate) type Conflicts = HashSet<(String, usize)>;

/// What instances make of a batch.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    /// Those that have changed, by correlation.
    pub(crate) changed: Vec<(Before, Instance)>,
    /// What was decided and what is said about it, in order.
    pub(crate) events: Vec<Outgoing>,
    /// For each event the correlation and the place of its input.
    pub(crate) causes: Vec<(String, usize)>,
    /// Names of the inputs that were taken.
    pub(crate) taken: Vec<Uuid>,
    pub(crate) repeats: u64,
    pub(crate) parked: u64,
}

/// Gives each instance its inputs, in order.
pub(crate) fn react(
    cast: &Cast,
    inputs: &Inputs<'_>,
    mut instances: BTreeMap<String, Instance>,
    mut known: HashSet<Uuid>,
    conflicts: &Conflicts,
) -> Result<Reactions, Refusal> {
    let mut reactions = Reactions::default();
    for (correlation, inputs) in &inputs.by_correlation {
        let instance = instances.remove(correlation);
        let before = instance.as_ref().map(Before::of).unwrap_or_default();
        let was_parked = instance.as_ref().is_some_and(|one| one.book.parked.is_some());
        let mut sitting = Sitting::new(cast, correlation, instance);
        let mut has_changed = false;
        for (place, Sorted { event, .. }) in inputs.iter().enumerate() {
            let name = inbox_name(cast.name(), correlation, event.envelope.source(), event.envelope.id());
            if known.contains(&name) {
                reactions.repeats += 1;
                continue;
            }
            let conflict = conflicts.contains(&(correlation.clone(), place));
            let refusal = conflict.then_some(Refusal::of(RefusalClass::Conflict, "decided_in_other_words"));
            if !sitting.take_or(event, inputs[place].how(), refusal)? {
                continue;
            }
            has_changed = true;
            known.insert(name);
            reactions.taken.push(name);
            let told = sitting.written().len();
            reactions.causes.resize(reactions.events.len() + told, (correlation.clone(), place));
            if told + sitting.consumed().len() > MAX_TOLD {
                let sat = sitting.finish()?;
                reactions.tell(sat.written, (correlation, place));
                sitting = Sitting::new(cast, correlation, sat.instance);
            }
        }
        let sat = sitting.finish()?;
        let last = inputs.len().saturating_sub(1);
        reactions.tell(sat.written, (correlation, last));
        if let (true, Some(instance)) = (has_changed, sat.instance) {
            reactions.parked += u64::from(!was_parked && instance.book.parked.is_some());
            reactions.changed.push((before, instance));
        }
    }
    Ok(reactions)
}

impl Reactions {
    fn tell(&mut self, written: Vec<crate::pen::Written>, (correlation, place): (&str, usize)) {
        self.events.extend(written.into_iter().map(|one| one.event));
        self.causes.resize(self.events.len(), (correlation.to_owned(), place));
    }
}
