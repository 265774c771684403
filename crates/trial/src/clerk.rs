//! The agent of the trial: whatever of its inputs is lost, doubled or reordered changes what it says next.

use brainops_event::types::business::MetricRecorded;
use brainops_event::{Recorded, TypedEvent as _};
use brainops_saga::{Agent, Input, Refusal, Route, Say, Turn, Wait};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::link;

/// Its name.
pub(crate) const CLERK: &str = "clerk";

/// How many sagas there are: each gets events of all subjects, so from all partitions.
const DESKS: u64 = 40;

/// Notes every event of the trial at one of its desks, in a chain of hashes, and has timers ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clerk;

/// What a desk remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Desk {
    noted: u64,
    rung: u64,
    link: String,
}

#[derive(Debug, Deserialize)]
struct Figure {
    value: f64,
}

/// The number of an event of the trial.
fn number(figure: &Figure) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers of a test, far below 2^53"
    )]
    let number = figure.value as u64;
    number
}

impl Desk {
    fn chain(&mut self, what: &str) {
        self.link = link(Some(self.link.as_str()), CLERK, what);
    }
}

impl Agent for Clerk {
    type State = Desk;

    fn name(&self) -> &'static str {
        CLERK
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["business"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        if event.envelope.event_type() != MetricRecorded::EVENT_TYPE {
            return Ok(Route::nobody());
        }
        Ok(Route::begins(format!("desk-{}", number(&event.decode()?) % DESKS)))
    }

    fn react(&self, desk: &mut Desk, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if let Some(timer) = input.timer() {
            desk.rung += 1;
            desk.chain(timer);
            turn.say(Say::command("ring", &json!({"times": desk.rung, "link": desk.link})));
            return Ok(());
        }
        let number = number(&input.decode()?);
        desk.noted += 1;
        desk.chain(&number.to_string());
        turn.say(Say::command("note", &json!({"number": number, "place": desk.noted, "link": desk.link})));
        match number / DESKS % 6 {
            0 => turn.set_timer("soon", TimeDelta::milliseconds(150)),
            1 => turn.cancel_timer("soon"),
            2 => turn.set_timer("late", TimeDelta::hours(1)),
            3 => turn.set_timer("now", TimeDelta::zero()),
            _ => {}
        }
        Ok(())
    }

    fn waits_for(&self, _: &Desk) -> Vec<Wait> {
        vec![Wait::for_typed::<MetricRecorded>("more to note")]
    }
}
