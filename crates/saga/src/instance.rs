//! An instance of an agent: all that it is between two inputs.

use std::collections::BTreeMap;

use brainops_event::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::kept::Kept;
use crate::refusal::{Refusal, RefusalClass};
use crate::step::StepRecord;
use crate::wait::OpenWait;

/// A saga: what it remembers, what it has begun, what waits for it. What it is follows from the order of its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What it is about.
    pub correlation: String,
    /// Which saga of this correlation it is, from 1.
    pub run: i32,
    /// The version of its agent.
    pub version: u32,
    /// How many transactions this correlation has had.
    pub revision: i64,
    /// Where in its life it is.
    pub phase: Phase,
    /// The agent's state, as JSON.
    pub state: String,
    /// The rest of what it remembers.
    pub book: Book,
    /// When the log recorded its last input.
    pub last_input_at: Timestamp,
    /// Inputs that wait, in order, each with a number of its own.
    pub(crate) mailbox: Vec<(i64, Kept)>,
    /// How many more wait, before those, and were not read: nobody can take them while the saga is held.
    pub(crate) unread: usize,
}

/// Where in its life a saga is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Signals wait for it to begin.
    Early,
    /// It runs.
    Running,
    /// Its steps are undone.
    Compensating,
    /// It has ended.
    Ended,
}

impl Phase {
    /// Its name in rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Ended => "ended",
        }
    }
}

/// What an instance remembers beside its state.
///
/// Here and in what it is made of, fields stand in the order of their names: that is the order of its digest, which needs
/// no sorting then.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Book {
    /// The number of the kept input that is to begin it, as long as nothing else can be reacted to.
    pub beginning: Option<i64>,
    /// The correlation id of what it decides.
    pub correlation_id: String,
    /// The number of the next input that is kept.
    pub next_kept: i64,
    /// How it has ended, or is to end once its steps are undone.
    pub outcome: Option<String>,
    /// Where it stands, if it is parked.
    pub parked: Option<ParkedAt>,
    /// Whether a person has paused it.
    pub paused: bool,
    /// The steps that it has begun, in order.
    pub steps: Vec<StepRecord>,
    /// Its timers, by name.
    pub timers: BTreeMap<String, OpenTimer>,
    /// What it waits for.
    pub waits: Vec<OpenWait>,
}

/// Where a parked saga stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedAt {
    /// The class of the failure.
    pub class: String,
    /// What the agent's code calls it.
    pub code: String,
    /// The position of the input.
    pub input: String,
    /// Since when: the recorded time of the input at which it was found.
    pub since: Timestamp,
}

/// A timer that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTimer {
    /// When it is due.
    pub deadline: Timestamp,
    /// Id of this setting.
    pub setting: EventId,
}

impl Instance {
    /// One that nothing has happened to yet.
    pub(crate) fn new(correlation: &str, version: u32, now: Timestamp) -> Self {
        Self {
            correlation: correlation.to_owned(),
            run: 1,
            version,
            revision: 0,
            phase: Phase::Early,
            state: "null".to_owned(),
            book: Book::default(),
            last_input_at: now,
            mailbox: Vec::new(),
            unread: 0,
        }
    }

    /// Whether inputs have to wait until a person decides.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.book.paused || self.book.parked.is_some()
    }

    /// Whether it stands since its agent had spent its budget, and goes on by itself.
    #[must_use]
    pub fn is_over_budget(&self) -> bool {
        self.book.parked.as_ref().is_some_and(|parked| parked.class == RefusalClass::OverBudget.as_str())
    }

    /// What it is, in a word.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self.phase {
            Phase::Ended => "ended",
            _ if self.book.parked.is_some() => "parked",
            _ if self.book.paused => "paused",
            Phase::Compensating => "compensating",
            Phase::Early => "early",
            Phase::Running => "running",
        }
    }

    /// Whether only the fact is kept that it was: the rest stands in the log.
    #[must_use]
    pub fn is_reduced(&self) -> bool {
        self.phase == Phase::Ended && self.state == "null"
    }

    /// How many inputs wait.
    #[must_use]
    pub const fn waiting_inputs(&self) -> usize {
        self.unread + self.mailbox.len()
    }

    /// SHA-256 of all that it is, in hexadecimal digits.
    ///
    /// # Errors
    /// None in practice: all of it is JSON.
    pub fn digest(&self) -> Result<String, Refusal> {
        let book = canonical::text_of(&self.book)?;
        let phase = canonical::text_of(&self.phase)?;
        // Which inputs wait follows from those that were taken; how many do is enough to tell.
        let waiting = self.waiting_inputs();
        let numbers = format!("{} {} {} {waiting}", self.run, self.version, self.revision);
        let texts = [&self.correlation, &numbers, &phase, &self.state, &book];
        Ok(hex::encode(canonical::digest(texts.map(String::as_bytes))))
    }

    /// Keeps an input for later.
    pub(crate) fn keep(&mut self, kept: Kept) {
        self.mailbox.push((self.book.next_kept, kept));
        self.book.next_kept += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::Say;
    use crate::step::Step;
    use crate::wait::Wait;

    #[test]
    fn a_book_tells_its_fields_in_the_order_of_its_digest() {
        let (id, now) = (|| EventId::new("e").unwrap(), chrono::DateTime::UNIX_EPOCH);
        let mut saga = Instance::new("lead-7", 1, now);
        let undo = Say::command("undo", &1).about("x");
        let step =
            Step::new("pay", Say::command("pay", &1)).undo(undo).undone_by("done").undo_fails_by("failed");
        saga.book.steps.push(StepRecord { undo_said: Some(id()), ..StepRecord::of(step, id()) });
        saga.book.parked = Some(ParkedAt {
            input: "brainops.lead/0@1".to_owned(),
            class: "refused".to_owned(),
            code: "no".to_owned(),
            since: now,
        });
        saga.book.timers.insert("patience".to_owned(), OpenTimer { setting: id(), deadline: now });
        saga.book.waits = vec![OpenWait { wait: Wait::for_event("lead.won", "the end"), since: now }];
        assert!(canonical::is_ordered(&saga.book), "it is sorted for each digest");
    }
}
