//! The sagas of one agent over a log in memory.

use brainops_event::types::saga::SagaTimerFired;
use brainops_event::{Outgoing, Timestamp};
use brainops_saga::{Agent, Cast, Instance, Life, Written, fired_event};
use chrono::TimeDelta;
use serde::de::DeserializeOwned;

use super::said::Said;
use crate::record::Records;

/// Begins a test of an agent. See [`GivenAgent::of`] for one with several versions.
///
/// # Panics
/// When name, version or topics of the agent cannot be.
#[track_caller]
pub fn given_agent<A: Agent>(agent: A) -> GivenAgent {
    GivenAgent::of(Cast::of(agent).unwrap_or_else(|error| panic!("{error}")))
}

/// An agent, and a log of which it has taken everything.
#[derive(Debug)]
pub struct GivenAgent {
    agent: &'static str,
    life: Life,
    records: Records,
    written: Vec<Written>,
}

/// What became of a when.
#[derive(Debug)]
pub struct Reaction {
    given: GivenAgent,
    written: Vec<Written>,
}

impl GivenAgent {
    /// An agent with its versions.
    pub fn of(cast: Cast) -> Self {
        let agent = cast.name();
        Self { agent, life: Life::new(cast), records: Records::new(), written: Vec::new() }
    }

    /// Appends these events to the log, in this order, and lets the agent react. Timers that are due before an event is
    /// recorded fire before it.
    #[must_use]
    #[track_caller]
    pub fn events(mut self, events: impl IntoIterator<Item = Outgoing>) -> Self {
        events.into_iter().for_each(|event| self.append(event));
        self
    }

    /// Goes on with other versions of the agent, as after a new program is started.
    #[must_use]
    pub fn goes_on_with(mut self, cast: Cast) -> Self {
        self.life = self.life.with_cast(cast);
        self
    }

    /// Sets the clock of the log: the next event is recorded at this moment, each further one a second later. Timers
    /// that are due until then fire first.
    #[must_use]
    #[track_caller]
    pub fn recorded_from(mut self, moment: Timestamp) -> Self {
        self.go_on_until(moment);
        self
    }

    /// Lets time go by: timers that are due fire, each at its moment.
    #[must_use]
    #[track_caller]
    pub fn after(self, time: TimeDelta) -> Self {
        let moment = self.records.now() + time;
        self.recorded_from(moment)
    }

    /// An event comes.
    #[must_use]
    #[track_caller]
    pub fn when(mut self, event: Outgoing) -> Reaction {
        self.written.clear();
        self.append(event);
        self.reaction()
    }

    /// Time goes by, and nothing comes but what timers bring.
    #[must_use]
    #[track_caller]
    pub fn when_after(mut self, time: TimeDelta) -> Reaction {
        self.written.clear();
        let moment = self.records.now() + time;
        self.go_on_until(moment);
        self.reaction()
    }

    /// The moment at which the next event is recorded.
    pub fn now(&self) -> Timestamp {
        self.records.now()
    }

    /// The saga of a correlation, if there is one.
    pub fn saga(&self, correlation: &str) -> Option<&Instance> {
        self.life.instance(correlation)
    }

    /// All sagas.
    pub fn sagas(&self) -> impl Iterator<Item = &Instance> {
        self.life.instances()
    }

    fn reaction(mut self) -> Reaction {
        let written = std::mem::take(&mut self.written);
        Reaction { given: self, written }
    }

    /// Takes one event; its decisions are in `written`.
    #[track_caller]
    pub(crate) fn append(&mut self, event: Outgoing) {
        self.go_on_until(self.records.now());
        self.record(event);
    }

    /// What followed from what was appended since this was asked last.
    pub(crate) fn take_written(&mut self) -> Vec<Written> {
        std::mem::take(&mut self.written)
    }

    /// When the next timer is due, if one is set.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let timers = self.life.instances().flat_map(|saga| saga.book.timers.values());
        timers.map(|open| open.deadline).min()
    }

    #[track_caller]
    fn record(&mut self, event: Outgoing) {
        let before = self.records.len();
        self.records.append(event);
        if self.records.len() == before {
            return; // said before
        }
        let record = self.records.last().expect("one was appended").clone();
        let taken = self.life.take(&record.recorded());
        let written = taken.unwrap_or_else(|refusal| panic!("{} is no input: {refusal}", record.position()));
        self.written.extend(written);
    }

    #[track_caller]
    fn go_on_until(&mut self, moment: Timestamp) {
        while let Some((deadline, fired)) = self.next_timer().filter(|(deadline, _)| *deadline <= moment) {
            self.records.set_time(deadline.max(self.records.now().min(moment)));
            let event = fired_event(&fired, None, self.records.now()).expect("a timer that was set can fire");
            let before = self.records.len();
            self.record(event);
            assert!(self.records.len() > before, "a timer fired twice: {}", fired.timer);
            assert!(
                self.life.instance(&fired.correlation).is_some_and(|saga| saga.is_held())
                    || self.is_spent(&fired),
                "the timer {} stays set although it has fired",
                fired.timer
            );
            if self.life.instance(&fired.correlation).is_some_and(Instance::is_held) {
                break;
            }
        }
        self.records.set_time(moment);
    }

    fn is_spent(&self, fired: &SagaTimerFired) -> bool {
        let saga = self.life.instance(&fired.correlation);
        let open = saga.and_then(|saga| saga.book.timers.get(&fired.timer));
        open.is_none_or(|open| open.setting.as_str() != fired.setting)
    }

    fn next_timer(&self) -> Option<(Timestamp, SagaTimerFired)> {
        let timers = self.life.instances().flat_map(|saga| {
            saga.book.timers.iter().map(move |(name, open)| (open.deadline, saga, name, open))
        });
        let (deadline, saga, name, open) = timers.min_by_key(|(deadline, ..)| *deadline)?;
        let fired = SagaTimerFired {
            agent: self.agent.to_owned(),
            correlation: saga.correlation.clone(),
            run: saga.run,
            timer: name.clone(),
            setting: open.setting.to_string(),
            deadline,
        };
        Some((deadline, fired))
    }
}

impl Reaction {
    /// Checks that these are all decisions, in order. Timers and what the runtime says are no decisions.
    ///
    /// # Panics
    /// When they are not.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = Said>) -> GivenAgent {
        let found: Vec<Said> = self.decisions().into_iter().map(Said::without_id).collect();
        let expected: Vec<Said> = expected.into_iter().collect();
        assert!(
            found == expected,
            "what is decided is not as expected\nexpected: {expected:#?}\n   found: {found:#?}"
        );
        self.given
    }

    /// Checks that nothing is decided.
    ///
    /// # Panics
    /// When something is.
    #[track_caller]
    pub fn then_nothing(self) -> GivenAgent {
        self.then([])
    }

    /// What is decided.
    pub fn decisions(&self) -> Vec<Said> {
        self.written.iter().filter(|written| !written.is_fact).map(Said::of).collect()
    }

    /// What the runtime says became of the saga: `saga.started`, `saga.timer.set`, `saga.ended` and others.
    pub fn facts(&self) -> Vec<Said> {
        self.written.iter().filter(|written| written.is_fact).map(Said::of).collect()
    }

    /// Checks that the runtime says this of the saga, among others.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn and_says(self, event_type: &str) -> Self {
        let types: Vec<String> = self.facts().into_iter().map(|fact| fact.event_type).collect();
        assert!(types.iter().any(|found| found == event_type), "no {event_type} among {types:?}");
        self
    }

    /// Goes on from here.
    pub fn and(self) -> GivenAgent {
        self.given
    }
}

impl GivenAgent {
    /// Checks the state of a saga.
    ///
    /// # Panics
    /// When there is no such saga, or its state is another one.
    #[track_caller]
    pub fn state<S: DeserializeOwned + PartialEq + std::fmt::Debug>(
        self,
        correlation: &str,
        expected: &S,
    ) -> Self {
        let saga = self.saga(correlation).unwrap_or_else(|| panic!("there is no saga {correlation}"));
        let found: S =
            serde_json::from_str(&saga.state).unwrap_or_else(|error| panic!("no such state: {error}"));
        assert!(
            found == *expected,
            "the state of {correlation}\nexpected: {expected:#?}\n   found: {found:#?}"
        );
        self
    }

    /// Checks what a saga is: `running`, `compensating`, `parked`, `ended`...
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn status(self, correlation: &str, expected: &str) -> Self {
        let saga = self.saga(correlation);
        let found = saga.map_or("not there", Instance::status);
        let parked = saga.and_then(|saga| saga.book.parked.as_ref());
        assert!(found == expected, "{correlation} is {found}, not {expected}; parked: {parked:?}");
        self
    }

    /// Checks with which outcome a saga has ended.
    ///
    /// # Panics
    /// When it has not, or with another one.
    #[track_caller]
    pub fn ended(self, correlation: &str, outcome: &str) -> Self {
        let given = self.status(correlation, "ended");
        let found = given.saga(correlation).and_then(|saga| saga.book.outcome.as_deref());
        assert!(found == Some(outcome), "{correlation} ended as {found:?}, not {outcome}");
        given
    }

    /// Checks when the timers of a saga are due, by name.
    ///
    /// # Panics
    /// When other timers are set, or for other moments.
    #[track_caller]
    pub fn timers(self, correlation: &str, expected: &[(&str, Timestamp)]) -> Self {
        let book = self.saga(correlation).map(|saga| &saga.book);
        let timers = book.into_iter().flat_map(|book| &book.timers);
        let found: Vec<_> = timers.map(|(name, open)| (name.as_str(), open.deadline)).collect();
        assert!(
            found == expected,
            "the timers of {correlation}\nexpected: {expected:?}\n   found: {found:?}"
        );
        self
    }

    /// Checks what a saga waits for, in the words of its agent.
    ///
    /// # Panics
    /// When it waits for something else.
    #[track_caller]
    pub fn waits_for(self, correlation: &str, expected: &[&str]) -> Self {
        let book = self.saga(correlation).map(|saga| &saga.book);
        let waits = book.into_iter().flat_map(|book| &book.waits);
        let found: Vec<_> = waits.map(|open| open.wait.reason()).collect();
        assert!(found == expected, "the waits of {correlation}\nexpected: {expected:?}\n   found: {found:?}");
        self
    }
}
