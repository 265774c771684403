//! What comes to a saga from the topic `saga`: its own timers, and what people decide about it.

use brainops_event::types::saga::{SagaMoved, SagaRetried, SagaTimerFired};
use brainops_event::{Recorded, TypedEvent as _};

use crate::cast::{TOPIC, is_named};
use crate::decide::BY_CLOCK;
use crate::input::answered;
use crate::refusal::Refusal;

/// An input from the topic `saga`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Own {
    Fired { timer: String, setting: String },
    Retried { input: String, skip: bool, by_clock: bool },
    Paused,
    Resumed,
    Cancelled,
    Moved { from: u32, to: u32 },
}

/// Whether an event stands in the topic of what sagas say about themselves.
pub(crate) fn is_own(event: &Recorded<'_>) -> bool {
    is_named(event.topic.as_str(), TOPIC)
}

/// The saga of this agent that an event of the topic `saga` is an input of, if of any.
pub(crate) fn addressee<'a>(agent: &str, event: &'a Recorded<'_>) -> Option<&'a str> {
    let is_input = matches!(
        event.envelope.event_type(),
        "saga.timer.fired"
            | "saga.retried"
            | "saga.paused"
            | "saga.resumed"
            | "saga.cancelled"
            | "saga.moved"
    );
    if is_input { answered(agent, event) } else { None }
}

impl Own {
    /// What an event says; nothing if it is no input.
    pub(crate) fn of(event: &Recorded<'_>) -> Result<Option<Self>, Refusal> {
        Ok(Some(match event.envelope.event_type() {
            SagaTimerFired::EVENT_TYPE => {
                let SagaTimerFired { timer, setting, .. } = event.typed()?;
                Self::Fired { timer, setting }
            }
            SagaRetried::EVENT_TYPE => {
                let SagaRetried { input, skip, decided_by, .. } = event.typed()?;
                Self::Retried { input, skip, by_clock: decided_by == BY_CLOCK }
            }
            SagaMoved::EVENT_TYPE => {
                let SagaMoved { from_version, to_version, .. } = event.typed()?;
                Self::Moved { from: from_version.unsigned_abs(), to: to_version.unsigned_abs() }
            }
            "saga.paused" => Self::Paused,
            "saga.resumed" => Self::Resumed,
            "saga.cancelled" => Self::Cancelled,
            _ => return Ok(None),
        }))
    }
}
