//! `incident-commander`, without a stack: given alerts and what people do, when time goes by, then incidents.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod life;
mod order;
mod people;
mod unheard;

use brainops_agent_healing::IncidentCommander;
use brainops_event::types::monitor::{AlertFired, AlertResolved};
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Source, Subject, Timestamp, derived_id, format_timestamp,
};
use brainops_testkit::{GivenAgent, Said, given_agent, said};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

const AGENT: &str = "incident-commander";
const SHOP: &str = "service/shop";

/// The log of a test begins here; minutes count from it.
fn minute(minutes: i64) -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::minutes(minutes)
}

/// What an alert of the shop says that began at this minute.
fn about(name: &str, starts: i64) -> Value {
    json!({
        "fingerprint": name, "alert_name": name, "service": "shop", "environment": "production",
        "severity": "critical", "starts_at": minute(starts).timestamp_millis(),
    })
}

fn subject(name: &str) -> String {
    format!("prometheus/{name}")
}

fn fired(name: &str, starts: i64) -> Outgoing {
    said::<AlertFired>(&format!("{name} fires {starts}"), &subject(name), minute(starts), about(name, starts))
}

fn resolved(name: &str, starts: i64, ends: i64) -> Outgoing {
    let mut data = about(name, starts);
    data["ends_at"] = json!(minute(ends).timestamp_millis());
    let id = format!("{name} ends {starts} {ends}");
    said::<AlertResolved>(&id, &subject(name), minute(ends), data)
}

/// What a person does about the incident of a correlation.
fn act(verb: &str, correlation: &str, payload: &Value) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(format!("{verb} {payload}")).unwrap(),
        Source::new("console").unwrap(),
        EventType::new(format!("agent.intent.{verb}")).unwrap(),
        Subject::new(format!("{AGENT}/{correlation}")).unwrap(),
    );
    Outgoing::message(envelope, &payload.to_string()).unwrap()
}

fn acknowledge(incident: &str, by: &str) -> Outgoing {
    act("acknowledge", SHOP, &json!({"incident_id": incident, "by": by}))
}

/// The id of the incident that this event opens, which is a fixed function of it.
fn opened_by(event_id: &str) -> String {
    let source = Source::new("brainops/agent/incident-commander").unwrap();
    derived_id(&source, &["incident", SHOP, "testkit", event_id]).to_string()
}

/// An incident of the shop that the alert `errors` opened at minute 0.
fn an_incident() -> (GivenAgent, String) {
    let given = given_agent(IncidentCommander).recorded_from(minute(0)).events([fired("errors", 0)]);
    (given, opened_by("errors fires 0"))
}

fn about_alert(incident: &str, name: &str, starts: i64) -> Value {
    json!({
        "incident_id": incident, "alert": subject(name), "alert_name": name, "environment": "production",
        "severity": "critical", "alert_starts_at": format_timestamp(&minute(starts)),
    })
}

fn joined(incident: &str, name: &str, starts: i64) -> Said {
    Said::new("monitor.incident.joined", incident, about_alert(incident, name, starts))
}

fn escalated(incident: &str, level: i32) -> [Said; 2] {
    let seconds = i64::from(level) * 15 * 60;
    let fact = json!({"incident_id": incident, "level": level, "unattended_seconds": seconds});
    let task = json!({"incident_id": incident, "level": level});
    [
        Said::new("monitor.incident.escalated", incident, fact),
        Said::message("agent.task.escalate", (AGENT, SHOP), task),
    ]
}

fn over(incident: &str, ended_at: Timestamp, alerts: i32, by: Option<&str>) -> Said {
    let ended_at = format_timestamp(&ended_at);
    let fact = json!({"incident_id": incident, "ended_at": ended_at, "alerts": alerts, "resolved_by": by});
    Said::new("monitor.incident.resolved", incident, fact)
}
