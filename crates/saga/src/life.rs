//! The sagas of one agent in memory: each event is a transaction of its own. For tests, models and replay.

use std::collections::{BTreeMap, HashSet};

use brainops_event::Recorded;

use crate::cast::Cast;
use crate::instance::Instance;
use crate::own::{addressee, is_own};
use crate::pen::Written;
use crate::refusal::Refusal;
use crate::sitting::{How, Sitting};

/// The sagas of an agent, in memory.
#[derive(Debug)]
pub struct Life {
    cast: Cast,
    instances: BTreeMap<String, Instance>,
    inbox: HashSet<(String, String, String)>,
}

impl Life {
    /// None yet.
    #[must_use]
    pub fn new(cast: Cast) -> Self {
        Self { cast, instances: BTreeMap::new(), inbox: HashSet::new() }
    }

    /// The same sagas with other versions of their agent, as after a new program is started.
    #[must_use]
    pub fn with_cast(self, cast: Cast) -> Self {
        Self { cast, ..self }
    }

    /// Takes the next event of the agent's topics or of the topic `saga`, and answers what follows from it, with what the
    /// runtime says about it (`saga.reacted` and others).
    ///
    /// # Errors
    /// It cannot be said whom the event concerns, or it cannot be read.
    pub fn take(&mut self, event: &Recorded<'_>) -> Result<Vec<Written>, Refusal> {
        let mut written = Vec::new();
        if is_own(event) {
            if let Some(correlation) = addressee(self.cast.name(), event) {
                self.give(correlation, event, How::Own, &mut written)?;
            }
            return Ok(written);
        }
        for (correlation, deliveries) in self.cast.clone().route(event)? {
            self.give(&correlation, event, How::Routed(&deliveries), &mut written)?;
        }
        Ok(written)
    }

    fn give(
        &mut self,
        correlation: &str,
        event: &Recorded<'_>,
        how: How<'_>,
        written: &mut Vec<Written>,
    ) -> Result<(), Refusal> {
        let name = |text: &str| text.to_owned();
        let identity = (name(correlation), name(event.envelope.source()), name(event.envelope.id()));
        if self.inbox.contains(&identity) {
            return Ok(());
        }
        let before = self.instances.get(correlation).cloned();
        let mut sitting = Sitting::new(&self.cast, correlation, before);
        sitting.take(event, how)?;
        let sat = sitting.finish()?;
        if let (false, Some(instance)) = (sat.consumed.is_empty(), sat.instance) {
            self.inbox.insert(identity);
            self.instances.insert(correlation.to_owned(), instance);
        }
        written.extend(sat.written);
        Ok(())
    }

    /// The saga of a correlation.
    #[must_use]
    pub fn instance(&self, correlation: &str) -> Option<&Instance> {
        self.instances.get(correlation)
    }

    /// All sagas, by correlation.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }
}
