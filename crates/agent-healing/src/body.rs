//! What the agent reads of each event: only these fields are decoded.

use brainops_event::{Recorded, Timestamp};
use brainops_saga::{Refusal, payload};
use serde::Deserialize;

/// The longest id of a person, in bytes.
const MAX_PERSON_BYTES: usize = 200;

/// Which incident an alert belongs to: `monitor.alert.fired` and `monitor.alert.resolved`.
#[derive(Debug, Deserialize)]
pub(crate) struct Whose {
    pub alert_name: String,
    #[serde(default)]
    pub service: Option<String>,
}

/// `monitor.alert.fired`.
#[derive(Debug, Deserialize)]
pub(crate) struct Fired {
    pub alert_name: String,
    #[serde(default)]
    pub service: Option<String>,
    #[serde(default)]
    pub environment: Option<String>,
    #[serde(default)]
    pub severity: Option<String>,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub starts_at: Timestamp,
}

/// `monitor.alert.resolved`.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolved {
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub starts_at: Timestamp,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub ends_at: Timestamp,
}

/// `agent.intent.acknowledge` and `agent.intent.resolve`: what a person does about an incident.
#[derive(Debug, Deserialize)]
pub(crate) struct Act {
    /// The incident; an act about one that is over does nothing.
    pub incident_id: String,
    /// An opaque id of the person, such as a login.
    pub by: String,
}

impl Act {
    /// Reads it.
    ///
    /// # Errors
    /// It says not which incident, or not who in an opaque id: it goes into other events, so it must be no name or address.
    pub(crate) fn of(event: &Recorded<'_>) -> Result<Self, Refusal> {
        let act: Self = payload(event)?;
        if is_opaque(&act.by) { Ok(act) } else { Err(Refusal::new("no_opaque_id_of_a_person")) }
    }
}

/// Whether this can be an opaque id of a person.
pub(crate) fn is_opaque(by: &str) -> bool {
    (1..=MAX_PERSON_BYTES).contains(&by.len())
        && by.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
}

/// A service that is named; an empty label names none.
pub(crate) fn named(service: Option<&String>) -> Option<&String> {
    service.filter(|service| !service.is_empty())
}
