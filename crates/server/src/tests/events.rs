//! `POST /events`: one event, batches, ACP, and everything that is refused.
use std::time::Duration;

use brainops_event::types::agent::Message;
use brainops_event::types::lead::LeadDiscovered;
use brainops_event::types::webhook::Received;
use serde_json::{Value, json};

use super::support::{Answer, House, data, position};
use crate::append::AppendFailure;

const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

fn discovered(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "crm", "type": "lead.discovered", "subject": "lead-1",
        "time": "2026-01-31T12:00:00Z",
        "data": {"lead_id": "lead-1", "name": "Ada Lovelace", "email": "ada@example.org", "channel": "website"},
    })
}

#[tokio::test]
async fn an_event_is_sealed_and_appended_in_the_name_of_the_sender() {
    let house = House::new();
    let answer = house.post("/events", ONE, discovered("1").to_string()).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let expected = json!([{
        "id": "1", "source": "crm", "type": "lead.discovered", "topic": "test.lead", "partition": 0, "offset": "0",
        "recorded_at": "1970-01-01T00:00:00.000Z",
        "repeated": false,
    }]);
    assert_eq!(answer.json(), expected);
    let events = house.events();
    assert_eq!(events[0].envelope.auth_id(), Some("operator"));
    let lead: LeadDiscovered = data(&events[0]);
    assert_eq!(house.keys.open("lead-1", "email", &lead.email.unwrap()), "ada@example.org");
    assert_eq!(house.keys.open("lead-1", "name", &lead.name.unwrap()), "Ada Lovelace");
    drop(events);
    let everything = house.everything();
    assert!(!everything.contains("ada@") && !everything.contains("Lovelace"));
}

#[tokio::test]
async fn what_was_sealed_at_the_door_passes_as_it_is() {
    let house = House::new();
    let request = json!({"subject": "lead-1", "kind": "email", "text": "ada@example.org"});
    let sealed = house.post("/seal", "application/json", request.to_string()).await.json();
    for (id, form) in [("1", json!({"sealed": sealed["token"]})), ("2", sealed["sealed"].clone())] {
        let mut event = discovered(id);
        event["data"]["email"] = form;
        let answer = house.post("/events", ONE, event.to_string()).await;
        assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
        let lead: LeadDiscovered = data(house.events().last().unwrap());
        assert_eq!(house.keys.open("lead-1", "email", &lead.email.unwrap()), "ada@example.org");
    }
}

#[tokio::test]
async fn batches_acp_and_strangers_are_taken() {
    let house = House::new();
    let acp = json!({
        "id": "m1", "type": "agent.intent.refund", "source": "agents/support", "payload": {"order": 7},
        "context": {"trace_id": "trace-1", "priority": "high"},
    });
    let stranger = json!({
        "specversion": "1.0", "id": "s1", "source": "https://example.org", "type": "com.example.shipped",
        "subject": "parcel-1", "data": {"to": "ada@example.org"},
    });
    let batch = json!([discovered("1"), acp, stranger]);
    let answer = house.post("/events", "application/json", batch.to_string()).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let topics: Vec<Value> =
        answer.json().as_array().unwrap().iter().map(|row| row["topic"].clone()).collect();
    assert_eq!(topics, ["test.lead", "test.agent", "test.webhook"]);
    let events = house.events();
    let message: Message = brainops_event::decode_datum(&events[1].schema.fast, &events[1].datum).unwrap();
    assert_eq!(
        (events[1].envelope.subject().as_str(), message.payload.as_str()),
        ("trace-1", r#"{"order":7}"#)
    );
    let kept: Received = data_of_stranger(&events[2]);
    assert!(house.keys.open("parcel-1", "delivery", &kept.body.unwrap()).contains("ada@example.org"));
    drop(events);
    assert!(!house.everything().contains("ada@example.org"));
}

fn data_of_stranger(event: &brainops_event::Outgoing) -> Received {
    assert_eq!(event.envelope.event_type().as_str(), "com.example.shipped");
    brainops_event::decode_datum(&event.schema.fast, &event.datum).unwrap()
}

#[tokio::test]
async fn one_wrong_field_refuses_the_whole_batch() {
    let house = House::new();
    let mut wrong = discovered("2");
    wrong["data"]["channel"] = json!(7);
    let batch = json!([discovered("1"), wrong]);
    house.post("/events", BATCH, batch.to_string()).await.wrong_field(422, "[1].data.channel");
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn what_a_sender_may_not_claim_is_refused() {
    let house = House::new();
    for (field, value) in [
        ("source", "brainops/import/git/shop"),
        ("source", "BrainOps/webhooks/github/acme/shop"),
        ("authid", "somebody-else"),
    ] {
        let mut event = discovered("1");
        event[field] = json!(value);
        house.post("/events", ONE, event.to_string()).await.wrong_field(422, field);
        let batch = json!([discovered("0"), event]);
        house.post("/events", BATCH, batch.to_string()).await.wrong_field(422, &format!("[1].{field}"));
    }
    let twice = json!([discovered("1"), discovered("1")]);
    house.post("/events", BATCH, twice.to_string()).await.wrong_field(422, "[1].id");
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn wrong_events_are_named_by_their_field() {
    let house = House::new();
    for (pointer, value, field) in [
        ("/id", json!(""), "id"),
        ("/id", json!("a\u{0}"), "id"),
        ("/source", json!(null), "source"),
        ("/source", json!("a b"), "source"),
        ("/type", json!("lead\u{1}"), "type"),
        ("/specversion", json!("0.3"), "specversion"),
        ("/subject", json!("x".repeat(513)), "subject"),
        ("/time", json!("2026-02-30T00:00:00Z"), "time"),
        ("/time", json!("12026-01-01T00:00:00Z"), "time"),
        ("/data", json!("text"), "data"),
        ("/data/lead_id", json!(null), "data.lead_id"),
        ("/data/channel", json!({}), "data.channel"),
        ("/data/email", json!(7), "data.email"),
    ] {
        let mut event = discovered("1");
        *event.pointer_mut(pointer).unwrap() = value;
        house.post("/events", ONE, event.to_string()).await.wrong_field(422, field);
    }
    for body in ["", "{", "[]", "7", "\u{feff}{}", "{\"a\":1}{", "nul"] {
        house.post("/events", "application/json", body).await.problem(422);
    }
    house.post("/events", "application/json", "[".repeat(10_000)).await.problem(422);
    house.post("/events", "application/json", vec![b'"', 0xff, b'"']).await.problem(422);
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn no_answer_repeats_what_was_sent() {
    let house = House::new();
    let mut event = discovered("1");
    event["data"]["nickname"] = json!("ada-the-first");
    event["data"]["channel"] = json!({"owner": "ada@example.org"});
    let answer = house.post("/events", ONE, event.to_string()).await;
    answer.problem(422);
    assert!(!answer.text.contains("ada"), "{}", answer.text);
}

#[tokio::test]
async fn a_batch_has_bounds() {
    let house = House::with(|config| config.max_body_bytes = 4 * 1_024 * 1_024);
    let many =
        |count: usize| Value::from((0..count).map(|id| discovered(&id.to_string())).collect::<Vec<_>>());
    assert_eq!(house.post("/events", BATCH, many(1_000).to_string()).await.status.as_u16(), 202);
    house.post("/events", BATCH, many(1_001).to_string()).await.problem(422);
    assert_eq!(house.events().len(), 1_000);
}

fn fail(house: &House, place: usize, failure: AppendFailure) {
    house.log.failures.lock().unwrap().insert(place, failure);
}

async fn three(house: &House) -> Answer {
    let batch = json!([discovered("1"), discovered("2"), discovered("3")]);
    house.post("/events", BATCH, batch.to_string()).await
}

#[tokio::test]
async fn what_was_not_acknowledged_is_said_event_by_event() {
    let house = House::new();
    fail(&house, 1, AppendFailure::Unavailable);
    let answer = three(&house).await;
    let problem = answer.problem(503);
    assert_eq!(answer.headers["retry-after"], "1");
    let results = problem["results"].as_array().unwrap();
    let offsets: Vec<Option<&str>> = results.iter().map(|row| row["offset"].as_str()).collect();
    assert_eq!(offsets, [Some("0"), None, Some("1")]);
    assert_eq!((&results[1]["id"], results[1]["failure"].is_string()), (&json!("2"), true));
}

#[tokio::test]
async fn what_is_kept_but_not_acknowledged_says_so() {
    let house = House::new();
    fail(&house, 2, AppendFailure::Unacknowledged);
    let answer = three(&house).await;
    let problem = answer.problem(504);
    assert_eq!(problem["type"], "urn:brainops:problem:not-acknowledged");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("is kept") && detail.contains("the same event again"), "{detail}");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_full_outbox_says_when_to_try_again() {
    let house = House::new();
    fail(&house, 0, AppendFailure::Unacknowledged);
    fail(&house, 1, AppendFailure::Full { retry_after: Duration::from_millis(2_100) });
    let answer = three(&house).await;
    let problem = answer.problem(429);
    assert_eq!(problem["type"], "urn:brainops:problem:full");
    assert_eq!(answer.headers["retry-after"], "3", "rounded up");
}

#[tokio::test]
async fn an_id_that_another_event_has_is_a_conflict_that_names_its_place() {
    let house = House::new();
    let first = Some(position("test.lead/3@17"));
    fail(&house, 0, AppendFailure::Conflict { first: first.clone() });
    let answer = house.post("/events", ONE, discovered("1").to_string()).await;
    let problem = answer.wrong_field(409, "id");
    assert_eq!(problem["type"], "urn:brainops:problem:conflict");
    assert_eq!(problem["errors"][0]["found"], "the id of the event at test.lead/3@17");
    let place = json!({"topic": "test.lead", "partition": 3, "offset": "17"});
    assert_eq!((&problem["results"][0]["first"], &problem["results"][0]["repeated"]), (&place, &json!(true)));
    assert!(!answer.headers.contains_key("retry-after"), "the same again is refused again");

    // In a batch it outweighs what may pass, and the others are answered all the same.
    house.log.failures.lock().unwrap().clear();
    fail(&house, 0, AppendFailure::Unavailable);
    fail(&house, 1, AppendFailure::Conflict { first: None });
    let problem = three(&house).await.wrong_field(409, "[1].id");
    assert_eq!(problem["results"][2]["topic"], "test.lead");
    assert!(problem["results"][1].get("first").is_none(), "{problem}");
}

#[tokio::test]
async fn a_record_that_its_topic_does_not_take_is_a_matter_of_size() {
    let house = House::new();
    *house.log.limit.lock().unwrap() = Some(500);
    let mut large = discovered("2");
    large["data"]["company"] = json!("x".repeat(500));
    house.post("/events", BATCH, json!([discovered("1"), large]).to_string()).await.problem(413);
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn an_erased_person_gets_no_new_events() {
    use brainops_event::KeyStore;
    let house = House::new();
    house.keys.destroy(&house.keys.id("lead-1")).unwrap();
    house.post("/events", ONE, discovered("1").to_string()).await.problem(422);
    assert!(house.events().is_empty());
}
