//! What a reaction changes beside the state: timers, steps, undo, the end. Made on a copy, taken whole or not at all.

use brainops_event::types::saga::{
    SagaEnded, SagaTimerCancelled, SagaUndoSkipped, SagaUndoStarted, SagaUndoSucceeded,
};

use crate::instance::{Book, OpenTimer, Phase};
use crate::pen::{Author, Pen};
use crate::refusal::{Refusal, RefusalClass};
use crate::step::{StepPhase, StepRecord};
use crate::turn::Act;
use crate::wait::{Wait, matches, renewed};

/// How many timers a saga may have set.
const MAX_TIMERS: usize = 1_000;
/// How many steps it may have begun.
const MAX_STEPS: usize = 1_000;
/// How large what would undo them may be together, in bytes.
const MAX_UNDO_BYTES: usize = 1024 * 1024;

pub(crate) struct Draft {
    pen: Pen,
    book: Book,
    phase: Phase,
    kept: usize,
}

impl Draft {
    pub(crate) const fn new(pen: Pen, book: Book, phase: Phase, kept: usize) -> Self {
        Self { pen, book, phase, kept }
    }

    pub(crate) fn into_parts(self) -> (Pen, Book, Phase) {
        (self.pen, self.book, self.phase)
    }

    pub(crate) fn renew_waits(&mut self, waits: Vec<Wait>) {
        self.book.waits = renewed(&self.book.waits, self.pen.now(), waits);
    }

    /// Does what a turn has collected.
    pub(crate) fn apply(&mut self, acts: Vec<Act>) -> Result<(), Refusal> {
        let mut ending: Option<(&'static str, bool)> = None;
        for act in acts {
            match act {
                Act::SetTimer { name, setting, deadline } => {
                    self.book.timers.insert(name, OpenTimer { setting, deadline });
                }
                Act::CancelTimer { name } => {
                    self.book.timers.remove(&name);
                }
                Act::Begin(step) => self.begin(*step)?,
                Act::Succeeded(name) => self.step(&name)?.phase = StepPhase::Succeeded,
                Act::Failed(name) => self.step(&name)?.phase = StepPhase::Failed,
                Act::Compensate(outcome) => ending = one_ending(ending, (outcome, true))?,
                Act::End(outcome) => ending = one_ending(ending, (outcome, false))?,
            }
        }
        if self.book.timers.len() > MAX_TIMERS {
            return Err(Refusal::new("too_many_timers"));
        }
        match ending {
            None => Ok(()),
            Some((outcome, true)) => self.compensate(outcome),
            Some((outcome, false)) => self.end(outcome),
        }
    }

    fn begin(&mut self, step: StepRecord) -> Result<(), Refusal> {
        // One that failed without a trace may be begun again.
        self.book.steps.retain(|known| known.name != step.name || known.phase != StepPhase::Failed);
        if self.book.steps.iter().any(|known| known.name == step.name) {
            return Err(Refusal::new("step_begun_twice"));
        }
        if self.book.steps.len() >= MAX_STEPS {
            return Err(Refusal::new("too_many_steps"));
        }
        self.book.steps.push(step);
        let undo_bytes: usize = self.book.steps.iter().map(StepRecord::undo_bytes).sum();
        if undo_bytes > MAX_UNDO_BYTES { Err(Refusal::new("undo_too_large")) } else { Ok(()) }
    }

    fn step(&mut self, name: &str) -> Result<&mut StepRecord, Refusal> {
        let step = self.book.steps.iter_mut().find(|step| step.name == name);
        step.ok_or(Refusal::new("unknown_step"))
    }

    /// Begins to undo all steps, the last one first.
    pub(crate) fn compensate(&mut self, outcome: &str) -> Result<(), Refusal> {
        self.phase = Phase::Compensating;
        self.book.outcome = Some(outcome.to_owned());
        self.book.waits.clear();
        for (timer, open) in std::mem::take(&mut self.book.timers) {
            let Author { agent, correlation, run, .. } = self.pen.author().clone();
            let setting = open.setting.to_string();
            self.pen.fact(&SagaTimerCancelled { agent, correlation, run, timer, setting })?;
        }
        self.undo_next()
    }

    /// Tells undos until one has to be waited for, or all is undone.
    fn undo_next(&mut self) -> Result<(), Refusal> {
        while let Some(place) = self.book.steps.iter().rposition(StepRecord::is_to_be_undone) {
            let (phase, undo) = (self.book.steps[place].phase, self.book.steps[place].undo.clone());
            match undo {
                _ if phase == StepPhase::Failed => self.skip(place, "did_nothing")?,
                None => self.skip(place, "no_undo")?,
                Some(_) => {
                    if self.tell_undo(place)? {
                        return Ok(());
                    }
                }
            }
        }
        let outcome = self.book.outcome.clone().unwrap_or_default();
        self.end(&outcome)
    }

    /// Tells the undo of a step; true if its answer is waited for.
    fn tell_undo(&mut self, place: usize) -> Result<bool, Refusal> {
        let Some(undo) = self.book.steps[place].undo.clone() else { return Ok(false) };
        let step = &mut self.book.steps[place];
        (step.phase, step.attempts) = (StepPhase::Undoing, step.attempts + 1);
        let (step, attempt) = (step.name.clone(), step.attempts);
        let Author { agent, correlation, run, .. } = self.pen.author().clone();
        self.pen.fact(&SagaUndoStarted { agent, correlation, run, step: step.clone(), attempt })?;
        self.book.steps[place].undo_said = Some(self.pen.say(&undo.say)?);
        match &undo.done_by {
            Some(event_type) => {
                let reason = format!("the undo of {step}");
                let wait = Wait::for_event(event_type, &reason);
                let wait = undo.failed_by.iter().fold(wait, |wait, failed_by| wait.or(failed_by));
                self.book.waits = renewed(&[], self.pen.now(), vec![wait]);
                Ok(true)
            }
            None => {
                self.undone(place)?;
                Ok(false)
            }
        }
    }

    fn undone(&mut self, place: usize) -> Result<(), Refusal> {
        self.book.steps[place].phase = StepPhase::Undone;
        let step = self.book.steps[place].name.clone();
        let Author { agent, correlation, run, .. } = self.pen.author().clone();
        self.pen.fact(&SagaUndoSucceeded { agent, correlation, run, step })
    }

    fn skip(&mut self, place: usize, reason: &str) -> Result<(), Refusal> {
        self.book.steps[place].phase = StepPhase::Skipped;
        let step = self.book.steps[place].name.clone();
        let Author { agent, correlation, run, .. } = self.pen.author().clone();
        self.pen.fact(&SagaUndoSkipped { agent, correlation, run, step, reason: reason.to_owned() })
    }

    fn being_undone(&self) -> Option<usize> {
        self.book.steps.iter().position(|step| step.phase == StepPhase::Undoing)
    }

    /// An event came while steps are undone: the answer to the undo that was told, or nothing.
    pub(crate) fn answered(&mut self, event_type: &str) -> Result<(), Refusal> {
        let Some(place) = self.being_undone() else { return Ok(()) };
        let Some(undo) = &self.book.steps[place].undo else { return Ok(()) };
        let is = |pattern: &Option<String>| pattern.as_ref().is_some_and(|one| matches(one, event_type));
        if is(&undo.failed_by) {
            return Err(Refusal::of(RefusalClass::UndoFailed, "undo_failed"));
        }
        if is(&undo.done_by) {
            self.undone(place)?;
            return self.undo_next();
        }
        Ok(())
    }

    /// A person lets the undo that has failed be tried again, or takes it for done.
    pub(crate) fn undo_again(&mut self, skip: bool) -> Result<(), Refusal> {
        let Some(place) = self.being_undone() else { return Ok(()) };
        if !skip {
            return self.tell_undo(place).map(|_| ());
        }
        self.skip(place, "decided")?;
        self.undo_next()
    }

    pub(crate) fn end(&mut self, outcome: &str) -> Result<(), Refusal> {
        let undone = self.phase == Phase::Compensating;
        self.phase = Phase::Ended;
        self.book.outcome = Some(outcome.to_owned());
        self.book.waits.clear();
        self.book.timers.clear();
        let Author { agent, correlation, run, .. } = self.pen.author().clone();
        let unheeded = i32::try_from(self.kept).unwrap_or(i32::MAX);
        self.pen.fact(&SagaEnded { agent, correlation, run, outcome: outcome.to_owned(), undone, unheeded })
    }
}

fn one_ending(
    known: Option<(&'static str, bool)>,
    ending: (&'static str, bool),
) -> Result<Option<(&'static str, bool)>, Refusal> {
    if known.is_some() { Err(Refusal::new("ended_twice")) } else { Ok(Some(ending)) }
}
