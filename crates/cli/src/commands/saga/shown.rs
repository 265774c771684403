//! What is shown of a saga: names, positions, times and what its agent says it waits for; its state only when asked for.

use brainops_event::{Timestamp, format_timestamp};
use brainops_saga::{Instance, ListedSaga};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::overview::{duration, table};

/// A saga in a list.
#[derive(Debug, Serialize)]
pub struct Saga {
    pub agent: String,
    pub correlation: String,
    /// Which saga of this correlation it is, from 1.
    pub run: i32,
    /// The version of its agent.
    pub version: u32,
    /// How many transactions it has had.
    pub revision: i64,
    pub status: &'static str,
    /// What it waits for, in the agent's words.
    pub waits: Vec<Waiting>,
    pub timers: Vec<Timer>,
    /// Where it stands, if it is parked.
    pub parked: Option<Parked>,
    pub outcome: Option<String>,
    /// How many inputs wait for it.
    pub kept: usize,
    pub last_input_at: String,
}

/// Something that it waits for.
#[derive(Debug, Serialize)]
pub struct Waiting {
    reason: String,
    events: Vec<String>,
    since: String,
    seconds: f64,
}

/// A timer that is set.
#[derive(Debug, Serialize)]
pub struct Timer {
    name: String,
    deadline: String,
    /// How long until then; negative when it is overdue.
    in_seconds: f64,
}

/// Where a saga stands.
#[derive(Debug, Serialize)]
pub struct Parked {
    /// The position of the input.
    input: String,
    class: String,
    /// What the agent's code calls it.
    code: String,
    since: String,
}

/// A step that it has begun.
#[derive(Debug, Serialize)]
pub struct Step {
    name: String,
    phase: Value,
    /// Id of the event that told it.
    said: String,
    undo_attempts: i32,
}

impl Saga {
    /// What is shown of it.
    pub fn of(ListedSaga { agent, saga }: &ListedSaga) -> Self {
        let (now, book) = (Utc::now(), &saga.book);
        Self {
            agent: agent.clone(),
            correlation: saga.correlation.clone(),
            run: saga.run,
            version: saga.version,
            revision: saga.revision,
            status: saga.status(),
            waits: book
                .waits
                .iter()
                .map(|open| Waiting {
                    reason: open.wait.reason().to_owned(),
                    events: open.wait.events().map(str::to_owned).collect(),
                    since: format_timestamp(&open.since),
                    seconds: seconds(now, open.since).max(0.0),
                })
                .collect(),
            timers: book
                .timers
                .iter()
                .map(|(name, open)| Timer {
                    name: name.clone(),
                    deadline: format_timestamp(&open.deadline),
                    in_seconds: seconds(open.deadline, now),
                })
                .collect(),
            parked: book.parked.as_ref().map(|parked| Parked {
                input: parked.input.clone(),
                class: parked.class.clone(),
                code: parked.code.clone(),
                since: format_timestamp(&parked.since),
            }),
            outcome: book.outcome.clone(),
            kept: saga.waiting_inputs(),
            last_input_at: format_timestamp(&saga.last_input_at),
        }
    }

    /// What holds it up, in words.
    pub fn wait_text(&self) -> String {
        if let Some(Parked { input, class, code, .. }) = &self.parked {
            return format!("a person: {class} ({code}) at {input}");
        }
        let waits = self.waits.iter().map(|one| format!("{} for {}", one.reason, duration(one.seconds)));
        let timers = self.timers.iter().map(Timer::text);
        let all: Vec<String> = waits.chain(timers).collect();
        match (&self.outcome, all.is_empty()) {
            (Some(outcome), _) => outcome.clone(),
            (None, true) => "nothing".to_owned(),
            (None, false) => all.join("; "),
        }
    }
}

impl Timer {
    /// As a line of its own.
    pub fn line(&self) -> String {
        format!("timer       {} at {}", self.name, self.deadline)
    }

    fn text(&self) -> String {
        match self.in_seconds {
            left if left >= 0.0 => format!("timer {} in {}", self.name, duration(left)),
            over => format!("timer {} overdue for {}", self.name, duration(-over)),
        }
    }
}

impl Waiting {
    /// In words, with the types of events.
    pub fn text(&self) -> String {
        format!(
            "{} ({}) since {}, {}",
            self.reason,
            self.events.join(", "),
            self.since,
            duration(self.seconds)
        )
    }
}

/// The steps of a saga, in the order in which they were begun.
pub fn steps(saga: &Instance) -> Vec<Step> {
    let step = |step: &brainops_saga::StepRecord| Step {
        name: step.name.clone(),
        phase: serde_json::to_value(step.phase).unwrap_or_default(),
        said: step.said.to_string(),
        undo_attempts: step.attempts,
    };
    saga.book.steps.iter().map(step).collect()
}

impl Step {
    /// In words.
    pub fn text(&self) -> String {
        let phase = self.phase.as_str().unwrap_or_default();
        format!("{}  {phase}  (told by {})", self.name, self.said)
    }
}

/// What its agent remembers, as it stands.
pub fn state(saga: &Instance) -> Option<Box<RawValue>> {
    RawValue::from_string(saga.state.clone()).ok()
}

/// Sagas, one a line.
pub fn sagas_table(sagas: &[Saga]) -> String {
    if sagas.is_empty() {
        return "there are none\n".to_owned();
    }
    let mut table =
        table(&["agent", "about", "version", "status", "kept", "last input", "waits for"], &[2, 4]);
    for saga in sagas {
        table.add_row([
            saga.agent.clone(),
            saga.correlation.clone(),
            saga.version.to_string(),
            saga.status.to_owned(),
            saga.kept.to_string(),
            saga.last_input_at.clone(),
            saga.wait_text(),
        ]);
    }
    format!("{table}\n")
}

fn seconds(later: DateTime<Utc>, earlier: Timestamp) -> f64 {
    (later - earlier).as_seconds_f64()
}
