//! Transactions as they were: what `saga.reacted` says, with the inputs that it names.
//!
//! Each transaction has a place for each of its inputs, and whoever reads an input knows from its position where it goes.
//! One that was all that its saga waited for is handed on as it is read; others are kept until it is their turn.

use std::collections::{HashMap, VecDeque};

use brainops_event::types::saga::{SagaParked, SagaReacted, SagaRefusal};
use brainops_event::{Offset, Partition, Position, Recorded, Timestamp, TopicName, TypedEvent as _};
use foldhash::fast::RandomState;

use crate::input::answered;
use crate::kept::Kept;
use crate::own::addressee;
use crate::refusal::Refusal;

/// One transaction of one saga.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) reacted: SagaReacted,
    /// When the log recorded that.
    pub(crate) told_at: Timestamp,
    /// Where it was parked in this transaction.
    pub(crate) parked: Vec<SagaRefusal>,
    /// Its inputs, in order; those that were not read yet are none.
    inputs: Vec<Option<Kept>>,
    /// How many those are.
    missing: usize,
    /// Its number among those of its saga.
    number: u64,
}

/// An input of a transaction that is taken again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Taken<'a> {
    /// It was kept.
    Kept(&'a Kept),
    /// It was read just now.
    Now(&'a Recorded<'a>),
}

impl Transaction {
    /// Its inputs in order; the one that is not kept is the one that was read now.
    pub(crate) fn inputs<'a>(&'a self, now: Option<&'a Recorded<'a>>) -> impl Iterator<Item = Taken<'a>> {
        let taken = move |input: &'a Option<Kept>| match input {
            Some(kept) => Some(Taken::Kept(kept)),
            None => now.map(Taken::Now),
        };
        self.inputs.iter().filter_map(taken)
    }

    /// The same with all its inputs kept.
    pub(crate) fn keeping(mut self, now: Option<&Recorded<'_>>) -> Result<Self, Refusal> {
        if let Some(now) = now {
            for input in self.inputs.iter_mut().filter(|input| input.is_none()) {
                *input = Some(Kept::of(now)?);
            }
        }
        Ok(self)
    }

    /// How many inputs it has had.
    pub(crate) const fn len(&self) -> usize {
        self.inputs.len()
    }
}

impl Taken<'_> {
    /// When the log recorded it.
    pub(crate) const fn recorded_at(&self) -> Timestamp {
        match self {
            Self::Kept(kept) => kept.recorded_at(),
            Self::Now(event) => event.recorded_at,
        }
    }

    /// Gives the event to `look`.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Recorded<'_>) -> T) -> Result<T, Refusal> {
        match self {
            Self::Kept(kept) => kept.with(look),
            Self::Now(event) => Ok(look(event)),
        }
    }

    /// The same, owning all of it.
    pub(crate) fn kept(&self) -> Result<Kept, Refusal> {
        match self {
            Self::Kept(kept) => Ok((*kept).clone()),
            Self::Now(event) => Kept::of(event),
        }
    }
}

/// A position, with the number of its topic here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    topic: usize,
    partition: Partition,
    offset: Offset,
}

/// Where an input goes.
#[derive(Debug, Clone, Copy)]
struct Wanting {
    saga: usize,
    transaction: u64,
    input: usize,
}

/// Who wants an input: one saga nearly always.
#[derive(Debug)]
struct Wants {
    first: Wanting,
    more: Vec<Wanting>,
}

/// What is known of the history of one agent's sagas.
#[derive(Debug)]
pub(crate) struct History {
    agent: &'static str,
    /// Whether the inputs that stand in the topic `saga` itself are kept as they are heard, or will be read.
    keeps_own: bool,
    topics: Vec<TopicName>,
    names: HashMap<String, usize, RandomState>,
    sagas: Vec<Told>,
    wanted: HashMap<Place, Wants, RandomState>,
    /// Inputs that were heard before it was told what became of them.
    early: HashMap<Place, Kept, RandomState>,
}

/// What is told of one saga.
#[derive(Debug, Default)]
struct Told {
    /// What `saga.parked` has told since the last transaction: only older programs say it before `saga.reacted`, which
    /// does not say it then.
    parked: Vec<SagaRefusal>,
    /// In order.
    transactions: VecDeque<Transaction>,
    next: u64,
}

impl History {
    /// Of which all inputs will be read.
    pub(crate) fn new(agent: &'static str) -> Self {
        Self {
            agent,
            keeps_own: false,
            topics: Vec::new(),
            names: HashMap::default(),
            sagas: Vec::new(),
            wanted: HashMap::default(),
            early: HashMap::default(),
        }
    }

    /// Which keeps the inputs that it hears, so that the topic `saga` need not be read again.
    pub(crate) fn keeping_own(agent: &'static str) -> Self {
        Self { keeps_own: true, ..Self::new(agent) }
    }

    /// Hears an event of the topic `saga`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn hear(&mut self, event: &Recorded<'_>, wants: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let is_input = self.keeps_own && addressee(self.agent, event).is_some();
        let event_type = event.envelope.event_type();
        if !is_input && event_type != SagaParked::EVENT_TYPE && event_type != SagaReacted::EVENT_TYPE {
            return Ok(());
        }
        let Some(correlation) = answered(self.agent, event).filter(|correlation| wants(correlation)) else {
            return Ok(());
        };
        match event_type {
            SagaParked::EVENT_TYPE => {
                let saga = self.saga(correlation);
                let SagaParked { input, reason_class, code, .. } = event.typed()?;
                let code = code.unwrap_or_default();
                self.sagas[saga].parked.push(SagaRefusal { input, reason_class, code });
            }
            SagaReacted::EVENT_TYPE => {
                let saga = self.saga(correlation);
                let reacted = SagaReacted { waits: Vec::new(), ..event.typed()? };
                self.want(saga, reacted, event.recorded_at)?;
            }
            _ => {
                let place = self.place_of(event);
                let kept = Kept::of(event)?;
                if let Some(wants) = self.wanted.remove(&place) {
                    self.fill(wants.first, kept); // of its addressee, and of nobody else
                } else {
                    self.early.insert(place, kept);
                }
            }
        }
        Ok(())
    }

    /// The number of a saga here.
    fn saga(&mut self, correlation: &str) -> usize {
        if let Some(saga) = self.names.get(correlation) {
            return *saga;
        }
        self.names.insert(correlation.to_owned(), self.sagas.len());
        self.sagas.push(Told::default());
        self.sagas.len() - 1
    }

    fn place_of(&mut self, event: &Recorded<'_>) -> Place {
        Place { topic: self.topic(event.topic), partition: event.partition, offset: event.offset }
    }

    fn topic(&mut self, name: &TopicName) -> usize {
        let known = self.topics.iter().position(|topic| topic == name);
        known.unwrap_or_else(|| {
            self.topics.push(name.clone());
            self.topics.len() - 1
        })
    }

    /// The place that a text says. Topics that are known are not made anew.
    fn place_in(&mut self, text: &str) -> Result<Place, Refusal> {
        let unreadable = || Refusal::new("unreadable_position");
        let (topic, rest) = text.split_once('/').ok_or_else(unreadable)?;
        if let Some(topic) = self.topics.iter().position(|known| known.as_str() == topic) {
            let (partition, offset) = rest.split_once('@').ok_or_else(unreadable)?;
            let partition = partition.parse().map_err(|_| unreadable())?;
            return Ok(Place { topic, partition, offset: offset.parse().map_err(|_| unreadable())? });
        }
        let Position { topic, partition, offset } = text.parse().map_err(|_| unreadable())?;
        Ok(Place { topic: self.topic(&topic), partition, offset })
    }

    fn want(&mut self, saga: usize, mut reacted: SagaReacted, told_at: Timestamp) -> Result<(), Refusal> {
        let transaction = self.sagas[saga].next;
        let (mut inputs, mut missing) = (Vec::with_capacity(reacted.consumed.len()), 0);
        for (input, text) in reacted.consumed.iter().enumerate() {
            let place = self.place_in(text)?;
            let early = self.early.remove(&place);
            if early.is_none() {
                missing += 1;
                let wanting = Wanting { saga, transaction, input };
                self.wanted
                    .entry(place)
                    .and_modify(|wants| wants.more.push(wanting))
                    .or_insert(Wants { first: wanting, more: Vec::new() });
            }
            inputs.push(early);
        }
        let told = &mut self.sagas[saga];
        told.next += 1;
        let before = std::mem::take(&mut told.parked);
        let parked = reacted.refused.take().unwrap_or(before);
        let number = transaction;
        told.transactions.push_back(Transaction { reacted, told_at, parked, inputs, missing, number });
        Ok(())
    }

    /// Sagas that something is told of.
    pub(crate) fn correlations(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    /// Leaves out what a saga has had when it has had so many transactions: their inputs may lie before all that is read.
    pub(crate) fn leave_out(&mut self, correlation: &str, through: i64) {
        if let Some(saga) = self.names.get(correlation) {
            self.sagas[*saga].transactions.retain(|one| one.reacted.revision > through);
        }
    }

    /// Hands on what needs no more inputs.
    ///
    /// # Errors
    /// Those of `take`.
    pub(crate) fn take_ready<E>(
        &mut self,
        mut take: impl FnMut(Transaction, Option<&Recorded<'_>>) -> Result<(), E>,
    ) -> Result<(), E> {
        for told in &mut self.sagas {
            while let Some(transaction) = told.pop_ready() {
                take(transaction, None)?;
            }
        }
        Ok(())
    }

    /// Whether an input stands at this place.
    pub(crate) fn wants(&self, place: brainops_log::Place<'_>) -> bool {
        let Some(topic) = self.topics.iter().position(|topic| topic == place.topic) else { return false };
        self.wanted.contains_key(&Place { topic, partition: place.partition, offset: place.offset })
    }

    /// Reads an input, and hands on what its sagas can go on with now: each transaction, and the input itself if that was
    /// the last that it waited for.
    ///
    /// # Errors
    /// It cannot be kept, or those of `take`.
    pub(crate) fn read<E: From<Refusal>>(
        &mut self,
        event: &Recorded<'_>,
        mut take: impl FnMut(Transaction, Option<&Recorded<'_>>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let place = self.place_of(event);
        let Some(Wants { first, more }) = self.wanted.remove(&place) else { return Ok(()) };
        for wanting in std::iter::once(first).chain(more) {
            let told = &mut self.sagas[wanting.saga];
            if let Some(transaction) = told.pop_if_last(wanting) {
                take(transaction, Some(event))?;
            } else {
                let kept = Kept::of(event)?;
                self.fill(wanting, kept);
            }
            let told = &mut self.sagas[wanting.saga];
            while let Some(transaction) = told.pop_ready() {
                take(transaction, None)?;
            }
        }
        Ok(())
    }

    fn fill(&mut self, Wanting { saga, transaction, input }: Wanting, kept: Kept) {
        let transactions = &mut self.sagas[saga].transactions;
        // One that was left out wants nothing any more.
        let Ok(at) = transactions.binary_search_by_key(&transaction, |one| one.number) else { return };
        let one = &mut transactions[at];
        if let Some(slot) = one.inputs.get_mut(input).filter(|slot| slot.is_none()) {
            *slot = Some(kept);
            one.missing -= 1;
        }
    }

    /// How many transactions have not come to their turn: inputs of theirs were not read.
    pub(crate) fn unfinished(&self) -> usize {
        self.sagas.iter().map(|told| told.transactions.len()).sum()
    }
}

impl Told {
    fn pop_ready(&mut self) -> Option<Transaction> {
        self.transactions.front().filter(|next| next.missing == 0)?;
        self.transactions.pop_front()
    }

    /// The next transaction, if this input is all that it waits for.
    fn pop_if_last(&mut self, wanting: Wanting) -> Option<Transaction> {
        self.transactions.front().filter(|next| next.number == wanting.transaction && next.missing == 1)?;
        self.transactions.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use brainops_event::types::monitor::IncidentResolved;
    use brainops_event::types::saga::SagaTimerFired;
    use brainops_testkit::{Record, Records, said};
    use serde_json::json;

    use super::*;

    const SUBJECT: &str = "desk/a";

    fn input(log: &mut Records, id: &str) -> Record {
        let data = json!({"incident_id": "i", "ended_at": 0, "alerts": 1});
        log.append(said::<IncidentResolved>(id, "i", log.now(), data));
        log.last().unwrap().clone()
    }

    fn fired(log: &mut Records) -> Record {
        let data = json!({
            "agent": "desk", "correlation": "a", "run": 1, "timer": "t", "setting": "s", "deadline": 0,
        });
        log.append(said::<SagaTimerFired>("fired", SUBJECT, log.now(), data));
        log.last().unwrap().clone()
    }

    fn reacted(log: &mut Records, revision: i64, inputs: &[&Record]) -> Record {
        let consumed: Vec<String> = inputs.iter().map(|input| input.position().to_string()).collect();
        let data = json!({
            "agent": "desk", "correlation": "a", "run": 1, "version": 1, "revision": revision,
            "consumed": consumed, "status": "running", "state_digest": "d", "decisions": [],
            "waits": [{"kind": "event", "reason": "r", "events": ["x"]}],
        });
        log.append(said::<SagaReacted>(&format!("reacted {revision}"), SUBJECT, log.now(), data));
        log.last().unwrap().clone()
    }

    /// Revisions that are handed on when this input is read, each with the ids of its inputs.
    fn read(history: &mut History, record: &Record) -> Vec<(i64, Vec<String>)> {
        let mut taken = Vec::new();
        history
            .read(&record.recorded(), |transaction, now| {
                let id = |input: Taken<'_>| input.with(|event| event.envelope.id().to_owned()).unwrap();
                taken.push((transaction.reacted.revision, transaction.inputs(now).map(id).collect()));
                Ok::<_, Refusal>(())
            })
            .unwrap();
        taken
    }

    #[test]
    fn transactions_come_in_their_order_with_their_inputs_in_theirs_however_these_are_read() {
        let mut log = Records::new();
        let [a, b, c] = ["a", "b", "c"].map(|id| input(&mut log, id));
        let told = [reacted(&mut log, 1, &[&a, &b]), reacted(&mut log, 2, &[&c])];
        let mut history = History::new("desk");
        for one in &told {
            history.hear(&one.recorded(), |_| true).unwrap();
        }
        assert_eq!(read(&mut history, &c), []);
        assert_eq!(read(&mut history, &b), []);
        assert_eq!(history.unfinished(), 2);
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(read(&mut history, &a), [(1, ids(&["a", "b"])), (2, ids(&["c"]))]);
        assert_eq!((read(&mut history, &a), history.unfinished()), (Vec::new(), 0));
    }

    #[test]
    fn what_needs_no_input_of_another_topic_is_ready_when_all_is_told() {
        let mut log = Records::new();
        let fired = fired(&mut log);
        let told = reacted(&mut log, 7, &[&fired]);
        let mut history = History::keeping_own("desk");
        for one in [&fired, &told] {
            history.hear(&one.recorded(), |_| true).unwrap();
        }
        let mut taken = Vec::new();
        let take = |transaction: Transaction, _: Option<&Recorded<'_>>| {
            taken.push((transaction.reacted.revision, transaction.inputs(None).count()));
            Ok::<_, Refusal>(())
        };
        history.take_ready(take).unwrap();
        assert_eq!((taken, history.unfinished()), (vec![(7, 1)], 0));
        // Whoever reads all inputs again waits for it.
        let mut other = History::new("desk");
        for one in [&fired, &told] {
            other.hear(&one.recorded(), |_| true).unwrap();
        }
        assert_eq!(other.unfinished(), 1);
        assert_eq!(read(&mut other, &fired).len(), 1);
    }

    #[test]
    fn what_is_left_out_wants_nothing_any_more() {
        let mut log = Records::new();
        let [a, b] = ["a", "b"].map(|id| input(&mut log, id));
        let told = [reacted(&mut log, 1, &[&a]), reacted(&mut log, 2, &[&b])];
        let mut history = History::new("desk");
        for one in &told {
            history.hear(&one.recorded(), |_| true).unwrap();
        }
        history.leave_out("a", 1);
        assert_eq!(read(&mut history, &a), []);
        assert_eq!(read(&mut history, &b).len(), 1);
    }
}
