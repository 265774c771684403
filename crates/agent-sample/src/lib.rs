//! The agent `sample`. It begins as what `brainops agent new` makes: somebody is asked to look at a deployment that takes too
//! long. Make it yours: say here what it does, in a table like this one, and keep it true.
//!
//! One saga for each service and environment while something is deployed there.
//!
//! | input | what comes of it |
//! |---|---|
//! | `deployment.started` | it waits for the end; for that of the newest, if another one starts |
//! | `deployment.succeeded`, `deployment.failed`, `deployment.rolled_back` | it ends, if that is the end of the one it waits for |
//! | half an hour without an end | `agent.task.look_at_deployment`, once |

use brainops_event::Recorded;
use brainops_saga::{Agent, Input, Refusal, Route, Say, Turn, Wait};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How long a deployment may take: most are over in minutes. Another value is another version.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(30);

/// The timer that patience has.
const PATIENCE_TIMER: &str = "patience";

/// The agent. It has no fields: all that it knows is in events and in its state.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleAgent;

/// What it remembers of what is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// The deployment that it waits for.
    pub deployment_id: String,
}

/// What it reads of an event: only these fields are decoded.
#[derive(Debug, Deserialize)]
struct Deployment {
    deployment_id: String,
}

impl Agent for SampleAgent {
    type State = State;

    fn name(&self) -> &'static str {
        "sample"
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["deployment"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        let place = event.envelope.subject().ok_or(Refusal::new("deployment_without_subject"))?;
        Ok(match event.envelope.event_type() {
            "deployment.started" => Route::begins_again(place),
            "deployment.succeeded" | "deployment.failed" | "deployment.rolled_back" => Route::running(place),
            _ => Route::nobody(),
        })
    }

    fn react(&self, state: &mut State, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if input.timer() == Some(PATIENCE_TIMER) {
            turn.say(Say::task("look_at_deployment", &json!({"deployment_id": state.deployment_id})));
            return Ok(());
        }
        let Deployment { deployment_id } = input.decode()?;
        if input.event_type() == "deployment.started" {
            state.deployment_id = deployment_id;
            turn.set_timer(PATIENCE_TIMER, PATIENCE);
        } else if state.deployment_id == deployment_id {
            turn.end("deployed");
        }
        Ok(())
    }

    fn waits_for(&self, _: &State) -> Vec<Wait> {
        vec![Wait::for_event("deployment.*", "the end of the deployment")]
    }
}
