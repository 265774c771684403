//! Transactions as they were: what `saga.reacted` says, with the inputs that it names.

use std::collections::{BTreeMap, HashMap, VecDeque};

use brainops_event::types::saga::{SagaParked, SagaReacted};
use brainops_event::{Position, Recorded, TypedEvent as _};

use crate::input::answered;
use crate::kept::Kept;
use crate::refusal::Refusal;

/// One transaction of one saga.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) reacted: SagaReacted,
    /// Where it was parked in this transaction.
    pub(crate) parked: Vec<SagaParked>,
    /// Its inputs, in order.
    pub(crate) inputs: Vec<Kept>,
}

/// What is known of the history of one agent's sagas.
#[derive(Debug)]
pub(crate) struct History {
    agent: &'static str,
    sagas: BTreeMap<String, Told>,
    /// Which sagas an input belongs to.
    wanted: HashMap<Position, Vec<String>>,
}

/// What is told of one saga.
#[derive(Debug, Default)]
struct Told {
    parked: Vec<SagaParked>,
    /// In order: what was told, and the inputs as far as they were read.
    transactions: VecDeque<Transaction>,
    inputs: HashMap<Position, Kept>,
}

impl History {
    pub(crate) fn new(agent: &'static str) -> Self {
        Self { agent, sagas: BTreeMap::new(), wanted: HashMap::new() }
    }

    /// Hears an event of the topic `saga`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn hear(&mut self, event: &Recorded<'_>, wants: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let Some(correlation) = answered(self.agent, event).filter(|correlation| wants(correlation)) else {
            return Ok(());
        };
        match event.envelope.event_type() {
            SagaParked::EVENT_TYPE => {
                let told = self.sagas.entry(correlation.to_owned()).or_default();
                told.parked.push(event.typed()?);
            }
            SagaReacted::EVENT_TYPE => {
                let reacted: SagaReacted = event.typed()?;
                self.want(correlation, reacted)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn want(&mut self, correlation: &str, reacted: SagaReacted) -> Result<(), Refusal> {
        for text in &reacted.consumed {
            let position: Position = text.parse().map_err(|_| Refusal::new("unreadable_position"))?;
            self.wanted.entry(position).or_default().push(correlation.to_owned());
        }
        let told = self.sagas.entry(correlation.to_owned()).or_default();
        let parked = std::mem::take(&mut told.parked);
        told.transactions.push_back(Transaction { reacted, parked, inputs: Vec::new() });
        Ok(())
    }

    /// Sagas that something is told of.
    pub(crate) fn correlations(&self) -> Vec<String> {
        self.sagas.keys().cloned().collect()
    }

    /// Leaves out what a saga has had when it has had so many transactions: their inputs may lie before all that is read.
    pub(crate) fn leave_out(&mut self, correlation: &str, through: i64) {
        if let Some(told) = self.sagas.get_mut(correlation) {
            told.transactions.retain(|one| one.reacted.revision > through);
        }
    }

    /// Reads an input; whatever saga can go on with it now goes on.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn read(&mut self, event: &Recorded<'_>) -> Result<Vec<Transaction>, Refusal> {
        let Some(correlations) = self.wanted.remove(&event.position()) else { return Ok(Vec::new()) };
        let kept = Kept::of(event)?;
        let mut ready = Vec::new();
        for correlation in correlations {
            let Some(told) = self.sagas.get_mut(&correlation) else { continue };
            told.inputs.insert(event.position(), kept.clone());
            told.take_ready(&mut ready)?;
        }
        Ok(ready)
    }

    /// How many transactions have not come to their turn: inputs of theirs were not read.
    pub(crate) fn unfinished(&self) -> usize {
        self.sagas.values().map(|told| told.transactions.len()).sum()
    }
}

impl Told {
    fn take_ready(&mut self, ready: &mut Vec<Transaction>) -> Result<(), Refusal> {
        while let Some(next) = self.transactions.front_mut() {
            while let Some(text) = next.reacted.consumed.get(next.inputs.len()) {
                let position: Position = text.parse().map_err(|_| Refusal::new("unreadable_position"))?;
                match self.inputs.remove(&position) {
                    Some(kept) => next.inputs.push(kept),
                    None => return Ok(()),
                }
            }
            ready.extend(self.transactions.pop_front());
        }
        Ok(())
    }
}
