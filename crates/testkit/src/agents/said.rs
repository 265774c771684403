//! A decision as a test reads it.

use brainops_event::types::agent::Message;
use brainops_event::{Catalog, Outgoing, SchemaId, datum_json, decode_datum};
use brainops_saga::Written;
use serde_json::{Value, json};

/// A decision: type, subject, and data as JSON. That of a message is its payload; a typed event has every field of its
/// record, with times as RFC 3339.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its type.
    pub event_type: String,
    /// Its subject.
    pub subject: String,
    /// Its data.
    pub data: Value,
    /// Its id, which follows from what caused it. Left out when decisions are compared with [`Said::new`].
    pub id: Option<String>,
}

impl Said {
    /// What a test expects.
    pub fn new(event_type: &str, subject: &str, data: Value) -> Self {
        Self { event_type: event_type.to_owned(), subject: subject.to_owned(), data, id: None }
    }

    /// A message as an agent says it about itself: a command, intent, task or call of a tool.
    pub fn message(event_type: &str, (agent, correlation): (&str, &str), payload: Value) -> Self {
        Self::new(event_type, &format!("{agent}/{correlation}"), payload)
    }

    pub(crate) fn of(written: &Written) -> Self {
        let event = &written.event;
        Self {
            event_type: event.envelope.event_type().to_string(),
            subject: event.key().to_owned(),
            data: data_of(event),
            id: Some(event.envelope.id().to_string()),
        }
    }

    pub(crate) fn without_id(mut self) -> Self {
        self.id = None;
        self
    }
}

fn data_of(event: &Outgoing) -> Value {
    if let Ok(message) = decode_datum::<Message>(&event.schema.fast, &event.datum)
        && event.schema.name.as_str() == "brainops.agent.Message"
    {
        return serde_json::from_str(&message.payload).unwrap_or_else(|_| json!(message.payload));
    }
    let schema = Catalog::builtin().by_name(event.schema.name.as_str()).expect("a schema of the catalog");
    let schema = schema.writer_schema(SchemaId::new(1)).expect("schemas of the catalog parse");
    datum_json(&schema, &event.datum).expect("what was encoded can be read")
}
