//! The fold, without a stack: given events, then rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod healing;
mod incident;
mod memory;
mod saga;
mod tool;

use brainops_event::Outgoing;
use brainops_event::types::monitor::{AlertFired, AlertResolved};
use brainops_projector_operations::{AlertRow, Operations, Status};
use brainops_testkit::{given, said};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

fn hour(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::hours(hours)
}

fn about(starts: i64, more: Value) -> Value {
    let mut data = json!({"fingerprint": "f1", "alert_name": "HighErrors", "starts_at": hour(starts).timestamp_millis()});
    for (field, value) in more.as_object().unwrap() {
        data[field] = value.clone();
    }
    data
}

fn fired(id: &str, starts: i64) -> Outgoing {
    said::<AlertFired>(id, "prometheus/f1", hour(starts), about(starts, json!({})))
}

fn resolved(id: &str, starts: i64, ends: i64) -> Outgoing {
    let data = about(starts, json!({"ends_at": hour(ends).timestamp_millis()}));
    said::<AlertResolved>(id, "prometheus/f1", hour(ends), data)
}

fn folded(events: &[Outgoing]) -> Vec<AlertRow> {
    given(Operations)
        .events(events.iter().cloned())
        .fold()
        .tables()
        .alert
        .all()
        .into_iter()
        .cloned()
        .collect()
}

#[test]
fn every_field_of_an_alert_arrives() {
    let all = json!({
        "service": "shop", "environment": "production", "severity": "critical",
        "labels": {"team": "payments", "quote": "a \"b\" \\"},
    });
    let mut more = all.clone();
    more["generator_url"] = json!("https://monitor/1");
    let fire = said::<AlertFired>("e1", "prometheus/f1", hour(1), about(1, more));
    let mut more = all.clone();
    more["ends_at"] = json!(hour(3).timestamp_millis());
    let resolve = said::<AlertResolved>("e2", "prometheus/f1", hour(3), about(1, more));

    let firing = folded(std::slice::from_ref(&fire)).remove(0);
    assert_eq!((firing.status(), firing.ends_at, firing.changed.id.as_str()), (Status::Firing, None, "e1"));
    let outcome = given(Operations).events([fire, resolve]).fold();
    let row = AlertRow {
        subject: "prometheus/f1".to_owned(),
        starts_at: hour(1),
        fingerprint: "f1".to_owned(),
        alert_name: "HighErrors".to_owned(),
        service: Some("shop".to_owned()),
        environment: Some("production".to_owned()),
        severity: Some("critical".to_owned()),
        labels: all["labels"].clone(),
        ends_at: Some(hour(3)),
        generator_url: Some("https://monitor/1".to_owned()),
        changed: outcome.tables().alert.all()[0].changed.clone(),
    };
    assert_eq!((row.status(), row.changed.id.as_str()), (Status::Resolved, "e2"));
    outcome.expect(|tables| &tables.alert, [row]);
}

#[test]
fn an_end_once_told_stays_and_the_latest_holds() {
    let cases: [(&[Outgoing], Option<i64>); 5] = [
        (&[fired("e1", 1), fired("e2", 1)], None),
        (&[resolved("e1", 1, 3)], Some(3)),
        (&[resolved("e1", 1, 3), fired("e2", 1)], Some(3)),
        (&[fired("e1", 1), resolved("e2", 1, 3), resolved("e3", 1, 2)], Some(3)),
        (&[fired("e1", 1), resolved("e2", 1, 3), resolved("e3", 1, 4)], Some(4)),
    ];
    for (events, ends) in cases {
        let rows = folded(events);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].ends_at, ends.map(hour));
    }
}

#[test]
fn another_start_is_another_row() {
    let rows = folded(&[fired("e1", 1), resolved("e2", 1, 2), fired("e3", 5)]);
    let found: Vec<_> = rows.iter().map(|row| (row.starts_at, row.status())).collect();
    assert_eq!(found, [(hour(1), Status::Resolved), (hour(5), Status::Firing)]);
}

#[test]
fn the_data_dictionary_says_what_the_sql_says() {
    let readme = include_str!("../../../../projections/operations/README.md");
    let sql = [
        include_str!("../../../../projections/operations/tables.sql"),
        include_str!("../../../../projections/operations/views.sql"),
    ];
    brainops_testkit::check_dictionary("operations", readme, &sql);
}
