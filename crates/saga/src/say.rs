//! What an agent says: an event before it has a name and a cause.

use brainops_event::types::agent::Message;
use brainops_event::types::tool::CallRequested;
use brainops_event::{Catalog, Priority, TypedEvent, encode_datum};
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::refusal::Refusal;

/// The record that carries messages between agents.
const MESSAGE: &str = "brainops.agent.Message";

/// Something to be said: a typed event, or a message between agents. It becomes an event, with an id that follows from
/// what caused it, when a turn says it; so saying it is no doing.
///
/// Without [`Say::about`], a message is about the saga itself: its subject is `<agent>/<correlation>`, which whoever
/// answers repeats, so that [`crate::answered`] finds the way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// What it costs, at most. Left out where it is nothing: the digest of what was said before there were costs stays.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub(crate) cost: u64,
    #[serde(with = "crate::bytes")]
    pub(crate) datum: Vec<u8>,
    pub(crate) event_type: String,
    pub(crate) priority: Option<Priority>,
    pub(crate) schema: String,
    pub(crate) subject: Option<String>,
    /// What is wrong with it, found when it is said.
    #[serde(skip)]
    pub(crate) flaw: Option<Refusal>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_nothing(cost: &u64) -> bool {
    *cost == 0
}

impl Say {
    /// A typed event about this subject.
    pub fn event<T: TypedEvent>(subject: impl Into<String>, data: &T) -> Self {
        Self::encoded(T::EVENT_TYPE.to_owned(), Some(subject.into()), T::SCHEMA, data)
    }

    /// The command `agent.command.<name>`: somebody is to do this.
    pub fn command<P: Serialize + ?Sized>(name: &str, payload: &P) -> Self {
        Self::message(format!("agent.command.{name}"), payload)
    }

    /// The intent `agent.intent.<name>`: this is what the agent is up to.
    pub fn intent<P: Serialize + ?Sized>(name: &str, payload: &P) -> Self {
        Self::message(format!("agent.intent.{name}"), payload)
    }

    /// The task `agent.task.<name>`: work for whoever takes it.
    pub fn task<P: Serialize + ?Sized>(name: &str, payload: &P) -> Self {
        Self::message(format!("agent.task.{name}"), payload)
    }

    /// A call of a tool, `tool.call.requested`. Its answer (`tool.call.completed`, `failed`, `denied` or `unknown`) names this
    /// event by source and id, and has the saga as its subject.
    pub fn tool_call<P: Serialize + ?Sized>(tool: &str, arguments: &P) -> Self {
        let text = canonical::text_of(arguments);
        let flaw = text.as_ref().err().copied();
        let call = CallRequested { tool: tool.to_owned(), arguments: text.unwrap_or_default(), reason: None };
        let said = Self::encoded(CallRequested::EVENT_TYPE.to_owned(), None, CallRequested::SCHEMA, &call);
        Self { flaw: flaw.or(said.flaw), ..said }
    }

    fn message<P: Serialize + ?Sized>(event_type: String, payload: &P) -> Self {
        let payload = canonical::text_of(payload);
        let flaw = payload.as_ref().err().copied();
        let said =
            Self::encoded(event_type, None, MESSAGE, &Message { payload: payload.unwrap_or_default() });
        Self { flaw: flaw.or(said.flaw), ..said }
    }

    fn encoded<T: Serialize>(event_type: String, subject: Option<String>, schema: &str, data: &T) -> Self {
        let entry = Catalog::builtin().by_name(schema);
        let datum = entry.and_then(|entry| encode_datum(&entry.fast, data).ok());
        let flaw = datum.is_none().then_some(Refusal::new("unencodable_decision"));
        let datum = datum.unwrap_or_default();
        Self { event_type, subject, schema: schema.to_owned(), datum, priority: None, cost: 0, flaw }
    }

    /// Sets what it is about: the subject of the event.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets what doing it costs at most, in the unit of [`crate::Limits::cost_per_hour`]. Only the budget of the agent looks at
    /// it; the event does not tell.
    #[must_use]
    pub const fn costing(mut self, cost: u64) -> Self {
        self.cost = cost;
        self
    }

    /// Sets how soon it wants attention.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }
}
