//! What is not for this agent, and what it cannot read.

use brainops_event::{Body, Offset, Partition, Recorded, SchemaId, TopicName, WriterSchema};
use brainops_saga::{Cast, Life, Refusal};

use super::*;

/// Lets a life take an event as it may come from any producer.
fn take(life: &mut Life, event_type: &str, about: &str, body: Body<'_>) -> Result<usize, Refusal> {
    let envelope = Envelope::new(
        EventId::new(event_type).unwrap(),
        Source::new("foreign").unwrap(),
        EventType::new(event_type).unwrap(),
        Subject::new(about).unwrap(),
    );
    let topic = if event_type.starts_with("agent.") { "brainops.agent" } else { "brainops.monitor" };
    let written = life.take(&Recorded {
        topic: &TopicName::new(topic).unwrap(),
        partition: Partition::new(0).unwrap(),
        offset: Offset::new(0).unwrap(),
        recorded_at: minute(0),
        envelope: envelope.view(),
        body,
    });
    written.map(|written| written.len())
}

fn life() -> Life {
    Life::new(Cast::of(IncidentCommander).unwrap())
}

#[test]
fn what_it_says_itself_and_what_others_say_is_nobodys() {
    let (given, incident) = an_incident();
    let given = given.after(TimeDelta::minutes(15));
    let revision = given.saga(SHOP).unwrap().revision;
    let intents = [
        act("acknowledge", "", &json!({"incident_id": incident, "by": "person-1"})),
        act("deploy", SHOP, &json!({"incident_id": incident, "by": "person-1"})),
    ];
    let given = given.events(intents);
    assert_eq!(given.saga(SHOP).unwrap().revision, revision);
    let mut life = life();
    for event_type in ["monitor.incident.opened", "monitor.alert.snoozed", "agent.task.attend"] {
        assert_eq!(take(&mut life, event_type, SHOP, Body::Empty), Ok(0), "{event_type}");
    }
}

#[test]
fn fields_of_a_future_version_are_left_alone() {
    let newer = r#"{"type":"record","name":"brainops.monitor.AlertFired","fields":[
        {"name":"smell","type":"string"},{"name":"alert_name","type":"string"},{"name":"starts_at","type":"long"}]}"#;
    let newer = WriterSchema::parse(SchemaId::new(9), newer).unwrap();
    let mut life = life();
    let body = Body::Avro { schema: &newer, datum: b"\x08burn\x08Heat\x80\x01" };
    assert!(take(&mut life, "monitor.alert.fired", "prometheus/heat", body).unwrap() > 0);
    assert_eq!(life.instance("alert/Heat").unwrap().status(), "running");
}

#[test]
fn what_cannot_be_read_is_refused_and_touches_no_saga() {
    let unreadable = ["", "{}", "{\"incident_id\": \"i\"}", "[]"];
    let nobody =
        [json!(""), json!("Ada Lovelace"), json!("ada@example.org"), json!("é"), json!("a".repeat(201))];
    let payloads = nobody.map(|by| json!({"incident_id": "i", "by": by}).to_string());
    for payload in unreadable.iter().map(|text| (*text).to_owned()).chain(payloads) {
        let message = json!({"payload": payload}).to_string();
        let refused = take(
            &mut life(),
            "agent.intent.acknowledge",
            "incident-commander/service/shop",
            Body::Json(message.into()),
        );
        assert!(refused.is_err(), "{payload}");
    }
    for body in [Body::Empty, Body::Json("{\"service\": \"shop\"}".into())] {
        assert!(take(&mut life(), "monitor.alert.fired", "prometheus/errors", body).is_err());
    }
    let endless = json!({"alert_name": "a", "service": "s".repeat(400), "starts_at": 0}).to_string();
    let refused = take(&mut life(), "monitor.alert.fired", "prometheus/errors", Body::Json(endless.into()));
    assert_eq!(refused, Err(Refusal::new("impossible_correlation")));
}

#[test]
fn an_alert_that_cannot_be_read_whole_parks_its_incident_alone() {
    let mut life = life();
    let whole = json!({"alert_name": "a", "service": "shop", "starts_at": 0}).to_string();
    take(&mut life, "monitor.alert.fired", "prometheus/a", Body::Json(whole.into())).unwrap();
    let half = json!({"alert_name": "a", "service": "shop"}).to_string();
    take(&mut life, "monitor.alert.resolved", "prometheus/a", Body::Json(half.into())).unwrap();
    assert_eq!(life.instance(SHOP).unwrap().status(), "parked");
}
