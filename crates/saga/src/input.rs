//! What an agent is given: an event that concerns it, or a timer of its own that was due.

use brainops_event::{Recorded, TypedEvent};
use serde::Deserialize;

use crate::refusal::Refusal;

/// An input of an agent.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    event: &'a Recorded<'a>,
    timer: Option<&'a str>,
}

impl<'a> Input<'a> {
    pub(crate) const fn event_of(event: &'a Recorded<'a>) -> Self {
        Self { event, timer: None }
    }

    pub(crate) const fn timer_of(event: &'a Recorded<'a>, timer: &'a str) -> Self {
        Self { event, timer: Some(timer) }
    }

    /// The name of the timer that was due, if it is one.
    #[must_use]
    pub const fn timer(&self) -> Option<&'a str> {
        self.timer
    }

    /// The type of the event; `saga.timer.fired` for a timer.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.event.envelope.event_type()
    }

    /// Whether it is an event of this record.
    #[must_use]
    pub fn is<T: TypedEvent>(&self) -> bool {
        self.event_type() == T::EVENT_TYPE
    }

    /// The data as a typed event.
    ///
    /// # Errors
    /// It is none of these.
    pub fn typed<T: TypedEvent>(&self) -> Result<T, Refusal> {
        Ok(self.event.typed()?)
    }

    /// Some fields of the data, by name.
    ///
    /// # Errors
    /// There is no data, or it does not fit.
    pub fn decode<T: Deserialize<'a>>(&self) -> Result<T, Refusal> {
        Ok(self.event.decode()?)
    }

    /// The event as it stands in the log.
    #[must_use]
    pub const fn recorded(&self) -> &'a Recorded<'a> {
        self.event
    }
}

/// The payload of a message between agents (`agent.intent.*`, `agent.command.*`, `agent.task.*`, and others without a
/// schema of their own) as a type.
///
/// # Errors
/// The event is no message, or its payload is not such JSON.
pub fn payload<T: serde::de::DeserializeOwned>(event: &Recorded<'_>) -> Result<T, Refusal> {
    let message: brainops_event::types::agent::Message = event.decode()?;
    serde_json::from_str(&message.payload).map_err(|_| Refusal::new("unreadable_payload"))
}

/// The correlation of the saga of this agent that an event is about, if its subject is that of one: so the answers to
/// what a saga said find their way back.
#[must_use]
pub fn answered<'a>(agent: &str, event: &'a Recorded<'_>) -> Option<&'a str> {
    event.envelope.subject()?.strip_prefix(agent)?.strip_prefix('/').filter(|rest| !rest.is_empty())
}
