//! An agent that counts: each `agent.task.count` is one input of the correlation that it names, wherever it lies.

use brainops_event::{Envelope, EventId, EventType, Outgoing, Priority, Recorded, Source, Subject};
use brainops_saga::{Agent, Input, Refusal, Route, Say, Step, Turn, Wait, payload};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Its name.
pub const AGENT: &str = "tally";

/// The agent, in a version.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    pub version: u32,
    /// Whether `panic` and `refuse` in a payload are obeyed.
    pub is_frail: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self { version: 1, is_frail: true }
    }
}

/// What it remembers: what it has counted, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyState {
    pub seen: Vec<i64>,
    pub fired: Vec<String>,
}

/// What is to be counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counted {
    pub of: String,
    pub number: i64,
    /// `panic`, `refuse`, `end`, `step`, `compensate`, `set <name> <ms>`, `cancel <name>`.
    pub then: String,
}

/// One to be counted of a correlation, in the partition of its subject `<correlation>/<lane>`.
pub fn count(of: &str, number: i64) -> Outgoing {
    count_with(of, number, 0, "")
}

pub fn count_with(of: &str, number: i64, lane: u32, then: &str) -> Outgoing {
    counting(envelope(of, number, lane), of, number, then)
}

/// The same, urgent.
pub fn count_urgently(of: &str, number: i64, lane: u32, then: &str) -> Outgoing {
    counting(envelope(of, number, lane).with_priority(Priority::Urgent), of, number, then)
}

fn envelope(of: &str, number: i64, lane: u32) -> Envelope {
    Envelope::new(
        EventId::new(format!("{of}-{number}")).expect("an id"),
        Source::new("test").expect("a source"),
        EventType::new("agent.task.count").expect("a type"),
        Subject::new(format!("{of}/{lane}")).expect("a subject"),
    )
}

fn counting(envelope: Envelope, of: &str, number: i64, then: &str) -> Outgoing {
    let payload = json!({"of": of, "number": number, "then": then}).to_string();
    Outgoing::message(envelope, &payload).expect("a message")
}

impl Agent for Tally {
    type State = TallyState;

    fn name(&self) -> &'static str {
        AGENT
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        match event.envelope.event_type() {
            "agent.task.count" => Ok(Route::begins(payload::<Counted>(event)?.of)),
            "agent.intent.undone" => Ok(event.envelope.subject().map_or_else(Route::nobody, Route::running)),
            _ => Ok(Route::nobody()),
        }
    }

    #[allow(clippy::panic, reason = "it panics when it is told to")]
    fn react(&self, state: &mut TallyState, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if let Some(timer) = input.timer() {
            state.fired.push(timer.to_owned());
            turn.say(Say::command("fired", &json!({"timer": timer})));
            return Ok(());
        }
        let counted: Counted = payload(input.recorded())?;
        state.seen.push(counted.number);
        let place = state.seen.len();
        turn.say(Say::command("counted", &json!({"number": counted.number, "place": place})));
        let mut words = counted.then.split(' ');
        match words.next().unwrap_or_default() {
            "panic" if self.is_frail => panic!("as it was told"),
            "refuse" if self.is_frail => return Err(Refusal::new("as_it_was_told")),
            "end" => turn.end("counted"),
            "step" => {
                let name = format!("step-{}", counted.number);
                let undo = Say::command("undo", &json!({"step": name}));
                let step = Step::new(&name, Say::command("do", &json!({"step": name}))).undo(undo);
                turn.step(step.undone_by("agent.intent.undone"));
            }
            "compensate" => turn.compensate("given_up"),
            "set" => {
                let name = words.next().unwrap_or_default();
                let after = words.next().and_then(|text| text.parse().ok()).unwrap_or_default();
                turn.set_timer(name, TimeDelta::milliseconds(after));
            }
            "cancel" => turn.cancel_timer(words.next().unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }

    fn waits_for(&self, _: &TallyState) -> Vec<Wait> {
        vec![Wait::for_event("agent.task.count", "more to count")]
    }

    fn migrate(&self, _: u32, state: serde_json::Value) -> Result<TallyState, Refusal> {
        serde_json::from_value(state).map_err(|_| Refusal::new("another_state"))
    }
}
