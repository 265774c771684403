//! Incidents: where each stands, and its timeline.

use brainops_event::types::monitor::{
    IncidentAcknowledged, IncidentEscalated, IncidentJoined, IncidentOpened, IncidentResolved,
};
use brainops_projector_operations::{EntryKind, GatheredAlert, IncidentCaseRow, IncidentEntryRow};

use super::*;

const INCIDENT: &str = "i-1";

fn gathered(name: &str, starts: i64) -> Value {
    json!({
        "incident_id": INCIDENT, "alert": format!("prometheus/{name}"), "alert_name": name,
        "environment": "production", "severity": "critical", "alert_starts_at": hour(starts).timestamp_millis(),
    })
}

fn opened(id: &str, at: i64) -> Outgoing {
    let mut data = gathered("errors", at);
    (data["answer_to"], data["service"]) = (json!("commander/shop"), json!("shop"));
    said::<IncidentOpened>(id, INCIDENT, hour(at), data)
}

fn joined(id: &str, name: &str, starts: i64, at: i64) -> Outgoing {
    said::<IncidentJoined>(id, INCIDENT, hour(at), gathered(name, starts))
}

fn acknowledged(id: &str, by: &str, at: i64) -> Outgoing {
    let data = json!({"incident_id": INCIDENT, "acknowledged_by": by});
    said::<IncidentAcknowledged>(id, INCIDENT, hour(at), data)
}

fn escalated(id: &str, level: i32, at: i64) -> Outgoing {
    let data = json!({"incident_id": INCIDENT, "level": level, "unattended_seconds": 900});
    said::<IncidentEscalated>(id, INCIDENT, hour(at), data)
}

fn resolved_incident(id: &str, ended: i64, by: Option<&str>, at: i64) -> Outgoing {
    let ended_at = hour(ended).timestamp_millis();
    let data = json!({"incident_id": INCIDENT, "ended_at": ended_at, "alerts": 2, "resolved_by": by});
    said::<IncidentResolved>(id, INCIDENT, hour(at), data)
}

/// A whole life: opened, joined, escalated, acknowledged, resolved.
fn life() -> [Outgoing; 5] {
    [
        opened("e1", 2),
        joined("e2", "latency", 1, 3),
        escalated("e3", 1, 4),
        acknowledged("e4", "person-1", 5),
        resolved_incident("e5", 6, None, 7),
    ]
}

fn case_of(events: &[Outgoing]) -> IncidentCaseRow {
    let outcome = given(Operations).events(events.iter().cloned()).fold();
    let cases = outcome.tables().incident_case.all();
    assert_eq!(cases.len(), 1);
    cases[0].clone()
}

#[test]
fn every_fact_of_an_incident_arrives() {
    let case = case_of(&life());
    let expected = IncidentCaseRow {
        incident_id: INCIDENT.to_owned(),
        answer_to: Some("commander/shop".to_owned()),
        service: Some("shop".to_owned()),
        opened_at: Some(hour(2)),
        opened_by_alert_name: Some("errors".to_owned()),
        started_at: Some(hour(1)),
        acknowledged_at: Some(hour(5)),
        acknowledged_by: Some("person-1".to_owned()),
        escalation_level: 1,
        escalated_at: Some(hour(4)),
        resolved_at: Some(hour(7)),
        ended_at: Some(hour(6)),
        resolved_by: None,
        changed: case.changed.clone(),
    };
    assert_eq!((&case, case.changed.id.as_str()), (&expected, "e5"));
}

#[test]
fn its_timeline_has_an_entry_for_each_fact() {
    let outcome = given(Operations).events(life()).fold();
    let entries = outcome.tables().incident_entry.all();
    let found: Vec<_> =
        entries.iter().map(|row| (row.entry(), row.happened_at, row.changed.id.as_str())).collect();
    let latency = format!("joined prometheus/latency@{}", hour(1).timestamp_millis());
    let expected = [
        ("acknowledged".to_owned(), hour(5), "e4"),
        ("escalated 1".to_owned(), hour(4), "e3"),
        (latency, hour(3), "e2"),
        ("opened".to_owned(), hour(2), "e1"),
        ("resolved".to_owned(), hour(7), "e5"),
    ];
    assert_eq!(found, expected);
    let alert = GatheredAlert {
        alert: "prometheus/latency".to_owned(),
        starts_at: hour(1),
        name: "latency".to_owned(),
        environment: Some("production".to_owned()),
        severity: Some("critical".to_owned()),
    };
    let row = IncidentEntryRow {
        incident_id: INCIDENT.to_owned(),
        kind: EntryKind::Joined,
        happened_at: hour(3),
        alert: Some(alert),
        level: None,
        person: None,
        changed: entries[2].changed.clone(),
    };
    assert_eq!(*entries[2], row);
    assert_eq!((entries[0].person.as_deref(), entries[1].level), (Some("person-1"), Some(1)));
}

#[test]
fn where_it_stands_follows_from_what_is_known_of_it() {
    let cases: [(&[Outgoing], &str); 5] = [
        (&life()[..1], "open"),
        (&life()[..3], "open"),
        (&life()[..4], "acknowledged"),
        (&life()[..], "resolved"),
        (&[resolved_incident("e1", 6, Some("person-1"), 7), acknowledged("e2", "person-2", 8)], "resolved"),
    ];
    for (events, status) in cases {
        assert_eq!(case_of(events).status(), status);
    }
}

#[test]
fn any_order_makes_the_same_case() {
    let mut backwards = life();
    backwards.reverse();
    let changed = case_of(&life()).changed;
    assert_eq!(
        IncidentCaseRow { changed: changed.clone(), ..case_of(&backwards) },
        IncidentCaseRow { changed, ..case_of(&life()) }
    );
}

#[test]
fn what_is_told_again_in_other_events_is_the_same_entry_and_the_first_counts() {
    let again = [
        opened("f1", 2),
        joined("f2", "latency", 1, 3),
        escalated("f3", 1, 4),
        acknowledged("f4", "person-2", 8),
        resolved_incident("f5", 9, Some("person-2"), 9),
    ];
    let all: Vec<Outgoing> = life().into_iter().chain(again).collect();
    let case = case_of(&all);
    assert_eq!((case.acknowledged_by.as_deref(), case.acknowledged_at), (Some("person-1"), Some(hour(5))));
    assert_eq!((case.resolved_by, case.resolved_at), (None, Some(hour(7))));
    let outcome = given(Operations).events(all).fold();
    assert_eq!(outcome.tables().incident_entry.all().len(), 5);
}

#[test]
fn one_whose_id_is_not_its_subject_is_refused() {
    let data = json!({"incident_id": "i-2", "acknowledged_by": "person-1"});
    let event = said::<IncidentAcknowledged>("e1", INCIDENT, hour(1), data);
    let outcome = given(Operations).events([event]).fold();
    assert_eq!(outcome.refused().len(), 1);
    assert!(outcome.refused()[0].1.to_string().contains("incident_id"));
}

#[test]
fn a_type_of_a_future_version_is_no_business_of_ours() {
    assert!("snoozed".parse::<EntryKind>().is_err());
    for kind in EntryKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
}
