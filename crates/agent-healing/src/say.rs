//! What the agent asks of people. What becomes of an incident is said in `monitor.incident.*`.

use brainops_event::Priority;
use brainops_saga::Say;
use serde::Serialize;

use crate::body;

/// `agent.task.attend`: somebody takes charge of the incident, and says so with `agent.intent.acknowledge`.
pub(crate) fn attend(incident_id: &str, alert: &body::Fired) -> Say {
    #[derive(Serialize)]
    struct Attend<'a> {
        incident_id: &'a str,
        service: Option<&'a String>,
        alert_name: &'a str,
        severity: Option<&'a str>,
    }
    let severity = alert.severity.as_deref();
    let service = body::named(alert.service.as_ref());
    let attend = Attend { incident_id, service, alert_name: &alert.alert_name, severity };
    Say::task("attend", &attend).with_priority(priority(severity))
}

/// `agent.task.escalate`: somebody with authority finds out why nobody takes charge.
pub(crate) fn escalate(incident_id: &str, level: i32) -> Say {
    #[derive(Serialize)]
    struct Escalate<'a> {
        incident_id: &'a str,
        level: i32,
    }
    Say::task("escalate", &Escalate { incident_id, level }).with_priority(Priority::Urgent)
}

/// How soon an alert of this severity wants attention; the words are those that `operations.alert_span` ranks.
fn priority(severity: Option<&str>) -> Priority {
    match severity.map(str::to_ascii_lowercase).as_deref() {
        Some("critical" | "page") => Priority::Urgent,
        Some("error" | "high") => Priority::High,
        Some("info" | "low") => Priority::Low,
        _ => Priority::Normal,
    }
}
