//! Events of a history whose ids the log has given to events of other content: counted, and the first of them named.

use brainops_event::{Outgoing, Position};
use serde::Serialize;

/// So many are named; a history that was rewritten has thousands.
const NAMED: usize = 5;

/// How many there were.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Conflicts {
    /// All of them.
    pub conflicts: u64,
    /// The first of them.
    #[serde(rename = "first_conflicts", skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Conflict>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Id of the event.
    pub id: String,
    /// Its type.
    pub r#type: String,
    /// Its subject.
    pub subject: String,
    /// Where the event stands that has the id; none while it is on its way to the log.
    pub stands_at: Option<String>,
}

impl Conflicts {
    /// Counts an event, and names it if it is one of the first.
    pub(super) fn add(&mut self, told: &Told, first: Option<&Position>) {
        self.conflicts += 1;
        if self.named.len() < NAMED {
            self.named.push(Conflict {
                id: told.id.clone(),
                r#type: told.event_type.clone(),
                subject: told.subject.clone(),
                stands_at: first.map(ToString::to_string),
            });
        }
    }
}

/// What names an event after it was handed over.
#[derive(Debug)]
pub(super) struct Told {
    id: String,
    event_type: String,
    subject: String,
}

impl Told {
    pub(super) fn of(event: &Outgoing) -> Told {
        let envelope = &event.envelope;
        Told {
            id: envelope.id().to_string(),
            event_type: envelope.event_type().to_string(),
            subject: envelope.subject().to_string(),
        }
    }
}
