//! One turn of an agent: what it decides about one input is collected here, and done by nobody yet.

use brainops_event::types::saga::{SagaTimerCancelled, SagaTimerSet};
use brainops_event::{EventId, Timestamp};
use chrono::TimeDelta;

use crate::pen::Pen;
use crate::refusal::Refusal;
use crate::say::Say;
use crate::step::{Step, StepRecord};

/// The longest name of a timer, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Collects what an agent decides about one input. No I/O, no clock, no randomness: what a turn decides follows from
/// state and input.
///
/// What cannot be said (too large, against a schema) is found out when the turn ends: then the whole turn is refused, and
/// the instance is parked as it was.
#[derive(Debug)]
pub struct Turn {
    pub(crate) pen: Pen,
    pub(crate) acts: Vec<Act>,
    pub(crate) flaw: Option<Refusal>,
    timers: Vec<(String, EventId)>,
}

/// What a turn does to the instance, beside what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    SetTimer { name: String, setting: EventId, deadline: Timestamp },
    CancelTimer { name: String },
    Begin(Box<StepRecord>),
    Succeeded(String),
    Failed(String),
    Compensate(&'static str),
    End(&'static str),
}

impl Turn {
    /// A turn about an input; `timers` are those that are set, by name.
    pub(crate) const fn new(pen: Pen, timers: Vec<(String, EventId)>) -> Self {
        Self { pen, acts: Vec::new(), flaw: None, timers }
    }

    /// Now, for this turn: when the log recorded the input. Not when it happened, which is whatever its producer says,
    /// and may lie years back; all readers of the log agree about the recorded time, and it goes on as the log does.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.pen.now()
    }

    /// What the saga is about.
    #[must_use]
    pub fn correlation(&self) -> &str {
        &self.pen.author().correlation
    }

    /// Says something: it is appended if the turn succeeds. Answers with its id, by which an answer names its cause.
    pub fn say(&mut self, say: Say) -> Option<EventId> {
        let said = self.pen.say(&say);
        self.held(said)
    }

    /// Sets a timer to this long from [`Turn::now`]. One of the same name that was set before never fires.
    pub fn set_timer(&mut self, name: &str, after: TimeDelta) {
        match self.now().checked_add_signed(after) {
            Some(deadline) => self.set_timer_at(name, deadline),
            None => self.flaw = self.flaw.or(Some(Refusal::new("timer_beyond_time"))),
        }
    }

    /// Sets a timer to a moment. One that is past fires as soon as may be. Its name has 1 to 200 bytes.
    pub fn set_timer_at(&mut self, name: &str, deadline: Timestamp) {
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
            self.flaw = self.flaw.or(Some(Refusal::new("impossible_name_of_timer")));
            return;
        }
        let Some(setting) = ({
            let id = self.pen.next_id("timer");
            self.held(id)
        }) else {
            return;
        };
        // What crosses the wire has milliseconds.
        let Some(deadline) = brainops_event::timestamp_from_millis(deadline.timestamp_millis()) else {
            self.flaw = self.flaw.or(Some(Refusal::new("timer_beyond_time")));
            return;
        };
        let author = self.pen.author().clone();
        let fact = SagaTimerSet {
            agent: author.agent,
            correlation: author.correlation,
            run: author.run,
            timer: name.to_owned(),
            setting: setting.to_string(),
            deadline,
        };
        // Its own id is that of the setting, which the fired timer names as its cause.
        let fact = self.pen.fact_of(setting.clone(), &fact);
        if self.held(fact).is_none() {
            return;
        }
        self.timers.retain(|(known, _)| known != name);
        self.timers.push((name.to_owned(), setting.clone()));
        self.acts.push(Act::SetTimer { name: name.to_owned(), setting, deadline });
    }

    /// Cancels a timer. One that is not set, or has fired, is cancelled already.
    pub fn cancel_timer(&mut self, name: &str) {
        let Some(place) = self.timers.iter().position(|(known, _)| known == name) else { return };
        let (timer, setting) = self.timers.remove(place);
        let author = self.pen.author().clone();
        let fact = self.pen.fact(&SagaTimerCancelled {
            agent: author.agent,
            correlation: author.correlation,
            run: author.run,
            timer: timer.clone(),
            setting: setting.to_string(),
        });
        if self.held(fact).is_some() {
            self.acts.push(Act::CancelTimer { name: timer });
        }
    }

    /// Whether a timer of this name is set.
    #[must_use]
    pub fn has_timer(&self, name: &str) -> bool {
        self.timers.iter().any(|(known, _)| known == name)
    }

    /// Begins a step: says what it says, and remembers how to undo it.
    pub fn step(&mut self, step: Step) -> Option<EventId> {
        let undo_flaw = step.undo.as_ref().and_then(|undo| undo.say.flaw);
        self.flaw = self.flaw.or(undo_flaw);
        let said = self.pen.say(&step.say);
        let id = self.held(said)?;
        self.acts.push(Act::Begin(Box::new(StepRecord::of(step, id.clone()))));
        Some(id)
    }

    /// The step of this name is done.
    pub fn succeeded(&mut self, step: &str) {
        self.acts.push(Act::Succeeded(step.to_owned()));
    }

    /// The step of this name is known to have failed without a trace: it needs no undo.
    pub fn failed(&mut self, step: &str) {
        self.acts.push(Act::Failed(step.to_owned()));
    }

    /// Undoes all steps, the last one first, and then ends the saga with this outcome. The agent is not asked any more.
    pub fn compensate(&mut self, outcome: &'static str) {
        self.acts.push(Act::Compensate(outcome));
    }

    /// Ends the saga with this outcome, such as `won`.
    pub fn end(&mut self, outcome: &'static str) {
        self.acts.push(Act::End(outcome));
    }

    fn held<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.flaw = self.flaw.or(Some(refusal));
                None
            }
        }
    }
}
