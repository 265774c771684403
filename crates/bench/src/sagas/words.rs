//! What is said between the agent under test and the world.

use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject};
use serde::{Deserialize, Serialize};

/// The name of the agent.
pub(crate) const AGENT: &str = "stepper";
/// How many steps a saga has.
pub(crate) const STEPS: u32 = 3;
/// The topic of everything that is said.
pub(crate) const TOPIC: &str = "agent";

/// Begins a saga.
pub(crate) const BEGIN: &str = "agent.intent.begin";
/// Asks the world for a step.
pub(crate) const STEP: &str = "agent.command.step";
/// The world's answer.
pub(crate) const ANSWER: &str = "agent.intent.step_done";
/// The end of a saga.
pub(crate) const DONE: &str = "agent.intent.done";

/// What a saga begins with.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// Instead of steps, wait so long, in milliseconds.
    pub(crate) wait_ms: Option<i64>,
}

/// A message of the world.
fn message(id: &str, event_type: &str, subject: &str, payload: &str) -> anyhow::Result<Outgoing> {
    let envelope = Envelope::new(
        EventId::new(id)?,
        Source::new("bench")?,
        EventType::new(event_type)?,
        Subject::new(subject)?,
    );
    Ok(Outgoing::message(envelope, payload)?)
}

/// The event that begins the saga about this.
pub(crate) fn begin(correlation: &str, begin: &Begin) -> anyhow::Result<Outgoing> {
    message(&format!("begin-{correlation}"), BEGIN, correlation, &serde_json::to_string(begin)?)
}

/// The answer to a command: its subject is that of the command, by which the saga is found.
pub(crate) fn answer(command: &str, subject: &str) -> anyhow::Result<Outgoing> {
    message(&format!("answer-{command}"), ANSWER, subject, "{}")
}
