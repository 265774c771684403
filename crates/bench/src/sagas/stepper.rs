//! The agent under test: three steps, each asked for by a command and answered by an event; or a long wait.

use brainops_event::Recorded;
use brainops_saga::{Agent, Input, Refusal, Route, Say, Turn, Wait, answered, payload};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::words::{AGENT, ANSWER, BEGIN, Begin, STEPS};

/// The only timer.
const TERM: &str = "term";

/// The agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stepper;

/// How far a saga is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    done: u32,
}

impl Agent for Stepper {
    type State = Progress;

    fn name(&self) -> &'static str {
        AGENT
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        Ok(match event.envelope.event_type() {
            BEGIN => event.envelope.subject().map_or_else(Route::nobody, Route::begins),
            ANSWER => answered(AGENT, event).map_or_else(Route::nobody, Route::running),
            _ => Route::nobody(),
        })
    }

    fn react(&self, state: &mut Progress, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if input.timer().is_some() {
            turn.end("waited");
            return Ok(());
        }
        if input.event_type() == BEGIN {
            let begin: Begin = payload(input.recorded())?;
            if let Some(wait_ms) = begin.wait_ms {
                turn.set_timer(TERM, TimeDelta::milliseconds(wait_ms));
                return Ok(());
            }
        } else {
            state.done += 1;
        }
        if state.done == STEPS {
            turn.say(Say::intent("done", &json!({"steps": state.done})));
            turn.end("done");
        } else {
            turn.say(Say::command("step", &json!({"number": state.done + 1})));
        }
        Ok(())
    }

    fn waits_for(&self, _: &Progress) -> Vec<Wait> {
        vec![Wait::for_event(ANSWER, "a step")]
    }
}
