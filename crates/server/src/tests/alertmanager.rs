//! `POST /webhooks/alertmanager`.
use brainops_event::format_timestamp;
use brainops_event::types::monitor::{AlertFired, AlertResolved};
use brainops_event::types::webhook::Received;
use serde_json::{Value, json};

use super::support::{Answer, House, data};

fn alert(status: &str, fingerprint: &str) -> Value {
    let ends_at = if status == "firing" { "0001-01-01T00:00:00Z" } else { "2026-01-31T12:30:00Z" };
    json!({
        "status": status, "fingerprint": fingerprint,
        "labels": {"alertname": "HighErrorRate", "job": "shop", "env": "production", "severity": "critical"},
        "annotations": {"summary": "call ada@example.org"},
        "startsAt": "2026-01-31T12:00:00.123456789Z", "endsAt": ends_at,
        "generatorURL": "http://prometheus.example.org/graph",
    })
}

fn notification(alerts: &[Value]) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"HighErrorRate\"}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "brainops", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org", "alerts": alerts,
    })
}

async fn notify(house: &House, body: &Value) -> Answer {
    house.post("/webhooks/alertmanager", "application/json", body.to_string()).await
}

#[tokio::test]
async fn each_alert_becomes_an_event_beside_the_notification() {
    let house = House::new();
    let answer = notify(&house, &notification(&[alert("firing", "aa11"), alert("resolved", "bb22")])).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let events = house.events();
    assert_eq!(events.len(), 3);
    let received: Received = data(&events[0]);
    assert_eq!((received.provider.as_str(), received.event), ("alertmanager", None));
    assert_eq!(events[0].envelope.auth_id(), Some("operator"));

    let fired: AlertFired = data(&events[1]);
    assert_eq!(events[1].envelope.subject().as_str(), "alertmanager/aa11");
    assert_eq!(events[1].envelope.causation_id(), Some(received.delivery_id.as_str()));
    assert_eq!(format_timestamp(&events[1].envelope.time().unwrap()), "2026-01-31T12:00:00.123Z");
    assert_eq!((fired.alert_name.as_str(), fired.severity.as_deref()), ("HighErrorRate", Some("critical")));
    assert_eq!((fired.service.as_deref(), fired.environment.as_deref()), (Some("shop"), Some("production")));
    assert_eq!(fired.labels["job"], "shop");

    let resolved: AlertResolved = data(&events[2]);
    assert_eq!(format_timestamp(&resolved.ends_at), "2026-01-31T12:30:00.000Z");
    assert_eq!(events[2].envelope.time(), Some(resolved.ends_at));
    drop(events);
    assert!(!house.everything().contains("ada@example.org"));
}

#[tokio::test]
async fn labels_name_service_and_environment_in_an_order() {
    let house = House::new();
    let mut named = alert("firing", "aa11");
    named["labels"] = json!({"alertname": "x", "service": "a", "job": "b", "environment": "", "env": "d"});
    notify(&house, &notification(&[named])).await;
    let fired: AlertFired = data(&house.events()[1]);
    assert_eq!((fired.service.as_deref(), fired.environment.as_deref()), (Some("a"), Some("d")));
    assert_eq!((fired.severity, fired.labels["environment"].as_str()), (None, ""));
}

#[tokio::test]
async fn what_is_said_again_is_the_same_event() {
    let house = House::new();
    let alone = notification(&[alert("firing", "aa11")]);
    notify(&house, &alone).await;
    notify(&house, &alone).await;
    notify(&house, &notification(&[alert("firing", "aa11"), alert("firing", "bb22")])).await;
    notify(&house, &notification(&[alert("resolved", "aa11")])).await;
    let events = house.events();
    let ids: Vec<&str> = events.iter().map(|event| event.envelope.id().as_str()).collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]), "a repeated notification");
    assert!(ids[4] != ids[0] && ids[5] == ids[1], "the same alert in another notification");
    assert!(ids[6] != ids[5] && ids[8] != ids[1], "another alert, and the end of the first");
}

#[tokio::test]
async fn a_malformed_notification_is_refused_whole() {
    let house = House::new();
    for (pointer, value, field) in [
        ("/version", json!("3"), "version"),
        ("/version", json!(4), "version"),
        ("/groupKey", json!(null), "groupKey"),
        ("/alerts", json!({}), "alerts"),
        ("/alerts/1", json!("x"), "alerts[1]"),
        ("/alerts/1/status", json!("pending"), "alerts[1].status"),
        ("/alerts/1/fingerprint", json!("a/b"), "alerts[1].fingerprint"),
        ("/alerts/1/labels", json!([]), "alerts[1].labels"),
        ("/alerts/1/labels/alertname", json!(""), "alerts[1].labels.alertname"),
        ("/alerts/1/labels/job", json!(7), "alerts[1].labels.job"),
        ("/alerts/1/labels/job", json!("a\u{0}b"), "alerts[1].labels.job"),
        ("/alerts/1/startsAt", json!("2026-01-31"), "alerts[1].startsAt"),
        ("/alerts/1/endsAt", json!("0001-01-01T00:00:00Z"), "alerts[1].endsAt"),
        ("/alerts/1/generatorURL", json!(7), "alerts[1].generatorURL"),
    ] {
        let mut body = notification(&[alert("firing", "aa11"), alert("resolved", "bb22")]);
        *body.pointer_mut(pointer).unwrap() = value;
        notify(&house, &body).await.wrong_field(422, field);
    }
    house.post("/webhooks/alertmanager", "application/json", vec![0xff, 0xfe]).await.wrong_field(422, "body");
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn a_notification_without_alerts_is_kept() {
    let house = House::new();
    assert_eq!(notify(&house, &notification(&[])).await.status.as_u16(), 202);
    assert_eq!(house.events().len(), 1);
}
