//! Steps, with their compensation beside them.

use brainops_event::EventId;
use serde::{Deserialize, Serialize};

use crate::say::Say;

/// A step: what is said to have it done, and beside it what is said to have it undone.
///
/// ```
/// # use brainops_saga::{Say, Step};
/// let reserve = Step::new("reserve", Say::command("reserve_stock", &serde_json::json!({"order": 7})))
///     .undo(Say::command("release_stock", &serde_json::json!({"order": 7})))
///     .undone_by("agent.intent.stock_released");
/// # let _ = reserve;
/// ```
///
/// An undo assumes that its step may have half happened: it is told also when nobody knows what became of the step. It is
/// left out only for a step that is known to have failed without a trace ([`crate::Turn::failed`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub(crate) name: String,
    pub(crate) say: Say,
    pub(crate) undo: Option<Undo>,
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Undo {
    /// The event type that says it is done; without one it counts as done when it is told.
    pub(crate) done_by: Option<String>,
    /// The event type that says it has failed.
    pub(crate) failed_by: Option<String>,
    pub(crate) say: Say,
}

impl Step {
    /// A step of this name, which is begun by saying this.
    pub fn new(name: impl Into<String>, say: Say) -> Self {
        Self { name: name.into(), say, undo: None }
    }

    /// Sets what undoes it.
    #[must_use]
    pub fn undo(mut self, say: Say) -> Self {
        self.undo = Some(Undo { say, done_by: None, failed_by: None });
        self
    }

    /// Sets the event type, routed to the saga, that says that the undo is done: the step before is undone after it.
    /// Without, an undo counts as done when it is told.
    #[must_use]
    pub fn undone_by(mut self, event_type: &str) -> Self {
        if let Some(undo) = &mut self.undo {
            undo.done_by = Some(event_type.to_owned());
        }
        self
    }

    /// Sets the event type that says that the undo has failed: the saga is parked, and a person decides whether it is
    /// tried again or taken for done.
    #[must_use]
    pub fn undo_fails_by(mut self, event_type: &str) -> Self {
        if let Some(undo) = &mut self.undo {
            undo.failed_by = Some(event_type.to_owned());
        }
        self
    }
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// How often its undo was told.
    pub attempts: i32,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub phase: StepPhase,
    /// Id of the event that told it.
    pub said: EventId,
    pub(crate) undo: Option<Undo>,
    /// Id of the event that told its undo last.
    pub undo_said: Option<EventId>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepPhase {
    /// It was told, and nobody knows more.
    Begun,
    /// It is done.
    Succeeded,
    /// It failed without a trace.
    Failed,
    /// Its undo was told.
    Undoing,
    /// It is undone.
    Undone,
    /// It was left out when others were undone.
    Skipped,
}

impl StepRecord {
    pub(crate) fn of(step: Step, said: EventId) -> Self {
        let Step { name, undo, .. } = step;
        Self { name, said, phase: StepPhase::Begun, attempts: 0, undo_said: None, undo }
    }

    /// How large what would undo it is.
    pub(crate) fn undo_bytes(&self) -> usize {
        self.undo.as_ref().map_or(0, |undo| undo.say.datum.len())
    }

    /// Whether it is still to be looked at when the saga is undone.
    pub(crate) const fn is_to_be_undone(&self) -> bool {
        matches!(self.phase, StepPhase::Begun | StepPhase::Succeeded | StepPhase::Failed)
    }
}
