//! What is not for this agent, and what it cannot read.

use brainops_event::types::lead::LeadQualified;
use brainops_event::types::outreach::OutreachReady;
use brainops_event::{
    Body, Envelope, EventId, EventType, Offset, Partition, Recorded, SchemaId, Source, Subject, TopicName,
    WriterSchema,
};
use brainops_saga::{Cast, Life, Refusal};

use super::*;

/// Lets a life take an event as it may come from any producer.
fn take(life: &mut Life, event_type: &str, body: Body<'_>) -> Result<usize, Refusal> {
    let envelope = Envelope::new(
        EventId::new(event_type).unwrap(),
        Source::new("foreign").unwrap(),
        EventType::new(event_type).unwrap(),
        Subject::new(LEAD).unwrap(),
    );
    let written = life.take(&Recorded {
        topic: &TopicName::new("brainops.lead").unwrap(),
        partition: Partition::new(0).unwrap(),
        offset: Offset::new(0).unwrap(),
        recorded_at: day(0),
        envelope: envelope.view(),
        body,
    });
    written.map(|written| written.len())
}

fn life() -> Life {
    Life::new(Cast::of(LeadFollowUp).unwrap())
}

#[test]
fn a_qualified_lead_and_a_draft_are_no_answers() {
    let qualified = said::<LeadQualified>("qualified", LEAD, day(1), about(json!({})));
    let ready = about(json!({"outreach_id": "sent", "channel": "email"}));
    let ready = said::<OutreachReady>("ready", LEAD, day(1), ready);
    let given = a_lead_and([]).when(qualified).then_nothing().when(ready).then_nothing();
    assert_eq!(given.saga(LEAD).unwrap().revision, 1, "they are not even its inputs");
}

#[test]
fn a_type_of_a_future_version_is_nobodys() {
    let mut life = life();
    assert_eq!(take(&mut life, "lead.reawakened", Body::Json("{\"dream\": 7}".into())), Ok(0));
    assert_eq!(take(&mut life, "lead.reawakened", Body::Empty), Ok(0));
    assert_eq!(life.instances().count(), 0);
}

#[test]
fn fields_of_a_future_version_are_left_alone() {
    let newer = r#"{"type":"record","name":"brainops.lead.LeadDiscovered","fields":[
        {"name":"mood","type":"string"},{"name":"lead_id","type":"string"},{"name":"channel","type":"string"}]}"#;
    let newer = WriterSchema::parse(SchemaId::new(9), newer).unwrap();
    let datum = b"\x08glad\x0clead-1\x06web";
    let mut life = life();
    let body = Body::Avro { schema: &newer, datum };
    assert!(take(&mut life, "lead.discovered", body).unwrap() > 0);
    assert_eq!(life.instance(LEAD).unwrap().status(), "running");
}

#[test]
fn what_cannot_be_read_is_refused_and_touches_no_saga() {
    for body in [Body::Empty, Body::Json("{}".into()), Body::Json("{\"lead_id\": \"lead-2\"}".into())] {
        let mut life = life();
        assert!(take(&mut life, "lead.discovered", body).is_err());
        assert_eq!(life.instances().count(), 0);
    }
}

#[test]
fn a_fact_without_what_it_is_about_parks_its_lead_alone() {
    let mut life = life();
    let json = |text: &'static str| Body::Json(text.into());
    take(&mut life, "lead.discovered", json("{\"lead_id\": \"lead-1\", \"channel\": \"web\"}")).unwrap();
    take(&mut life, "outreach.sent", json("{\"lead_id\": \"lead-1\"}")).unwrap();
    assert_eq!(life.instance(LEAD).unwrap().status(), "parked");
}
