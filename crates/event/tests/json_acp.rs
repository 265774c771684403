//! Agent messages: accepted and refused, which record and subject they get, and that nothing gets lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use brainops_event::json::{self, Form, to_acp_json, to_cloudevent_json};
use brainops_event::{Catalog, Priority, types};
use common::{FakeKeys, faults_of, read_one, recorded};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn message() -> Value {
    json!({"id": "m-1", "type": "agent.intent.investigate", "source": "agents/healer",
           "payload": {"why": "errors"}, "context": {"trace_id": "t-1", "priority": "high"}})
}

#[test]
fn a_message_is_read_whole() {
    let event = read_one(&message().to_string());
    assert_eq!(event.form(), Form::Acp);
    assert_eq!(event.text(), r#"{"why":"errors"}"#);
    let envelope = event.envelope();
    assert_eq!(envelope.correlation_id(), Some("t-1"));
    assert_eq!(envelope.subject().as_str(), "t-1");
    assert_eq!(envelope.priority(), Some(Priority::High));
    assert_eq!(envelope.time(), None);
    let outgoing = event.into_outgoing(&FakeKeys::new()).unwrap();
    assert_eq!((outgoing.topic(), outgoing.schema.name.as_str()), ("agent", "brainops.agent.Message"));
}

#[test]
fn bad_messages_are_refused() {
    let cases: Vec<(&str, Option<Value>, &str, &str)> = vec![
        ("id", None, "id", "a non-empty string"),
        ("id", Some(json!("")), "id", "a non-empty string"),
        ("id", Some(json!(1)), "id", "a non-empty string"),
        ("source", None, "source", "a non-empty string"),
        ("source", Some(json!("a b")), "source", "a URI reference"),
        ("type", None, "type", "a non-empty string"),
        ("type", Some(json!("a\u{1}b")), "type", "1 to 256 bytes"),
        (
            "subject",
            Some(json!("s")),
            "message.subject",
            "only these members: id, type, source, payload, context",
        ),
        ("Payload", Some(json!({})), "message.Payload", "only these members"),
        ("time", Some(json!("2026-01-31T08:30:00Z")), "message.time", "only these members"),
        ("context", Some(json!("t-1")), "context", "object with trace_id and priority"),
        ("context", Some(json!([])), "context", "object with trace_id and priority"),
        ("context", Some(json!({"trace_id": 7})), "context.trace_id", "a non-empty string"),
        ("context", Some(json!({"trace_id": ""})), "context.trace_id", "a non-empty string"),
        (
            "context",
            Some(json!({"trace_id": "a\u{1}"})),
            "context.trace_id",
            "1 to 512 bytes without control characters",
        ),
        ("context", Some(json!({"trace_id": "x".repeat(513)})), "context.trace_id", "1 to 512 bytes"),
        ("context", Some(json!({"priority": "asap"})), "context.priority", "low, normal, high or urgent"),
        ("context", Some(json!({"priority": "High"})), "context.priority", "low, normal, high or urgent"),
        ("context", Some(json!({"priority": 1})), "context.priority", "a non-empty string"),
        (
            "context",
            Some(json!({"deadline": 1})),
            "context.deadline",
            "only these members: trace_id, priority",
        ),
    ];
    for (member, value, field, expected) in cases {
        let mut message = message();
        match &value {
            Some(value) => message[member] = value.clone(),
            None => drop(message.as_object_mut().unwrap().remove(member)),
        }
        let faults = faults_of(&message.to_string());
        let fault = faults.iter().find(|fault| fault.field == field);
        let fault = fault.unwrap_or_else(|| panic!("{member} = {value:?}: {faults:?}"));
        assert!(fault.expected.starts_with(expected), "{fault}");
        assert!(!fault.found.contains("asap"));
    }
    let mut without_payload = message();
    without_payload.as_object_mut().unwrap().remove("payload");
    assert_eq!(
        faults_of(&without_payload.to_string())[0].field,
        "specversion",
        "it is neither of the two forms"
    );
}

#[test]
fn the_subject_is_what_the_payload_names_else_the_trace_else_the_message() {
    let at = "2026-01-31T08:30:00Z";
    let cases = [
        ("agent.intent.look", json!({"subject": "shop/production"}), Some("t"), "shop/production"),
        ("agent.intent.look", json!({"subject": "Hello Ada"}), Some("t"), "t"),
        ("agent.intent.look", json!({"subject": 5}), Some("t"), "t"),
        ("agent.intent.look", json!({"subject": ""}), Some("t"), "t"),
        ("agent.intent.look", json!("shop"), Some("t"), "t"),
        ("agent.intent.look", json!(null), None, "m-1"),
        ("need.help", json!({}), None, "m-1"),
        ("lead.won", json!({"lead_id": "lead-1"}), Some("t"), "lead-1"),
        (
            "deployment.started",
            json!({"service": "shop", "environment": "production", "deployment_id": "1", "sha": "s"}),
            None,
            "shop/production",
        ),
        ("git.tag.created", json!({"repository": "r", "tag": "v1", "sha": "s"}), None, "r/tags/v1"),
        (
            "saga.paused",
            json!({"agent": "follow-up", "correlation": "lead-1", "decided_by": "op", "reason": "r"}),
            Some("t"),
            "follow-up/lead-1",
        ),
        (
            "saga.agents.stopped",
            json!({"agent": "*", "number": 1, "decided_by": "op", "reason": "r"}),
            Some("t"),
            "*",
        ),
        (
            "saga.unrouted",
            json!({"agent": "follow-up", "input": "t/0@1", "reason_class": "misplaced", "code": "c"}),
            Some("t"),
            "follow-up",
        ),
        (
            "agent.budget.exhausted",
            json!({"agent": "follow-up", "budget": "actions_per_hour", "limit": 5, "until": at}),
            Some("t"),
            "follow-up",
        ),
        (
            "business.metric.recorded",
            json!({"metric": "mrr", "value": 1, "unit": "EUR"}),
            None,
            "metrics/mrr",
        ),
        (
            "monitor.incident.acknowledged",
            json!({"incident_id": "i-1", "acknowledged_by": "person-1"}),
            Some("t"),
            "i-1",
        ),
        (
            "memory.recorded",
            json!({"about": "service/shop", "kind": "fact", "text": "it is busy", "told_by": "brainops/agent/devops"}),
            Some("t"),
            "service/shop",
        ),
        (
            "agent.healing.escalated",
            json!({"service": "shop", "environment": "eu", "deployment_id": "d-1", "reason_code": "denied", "answer_to": "a/b"}),
            Some("t"),
            "shop/eu",
        ),
        (
            "monitor.sample.recorded",
            json!({"sensor": "http_probe", "service": "shop", "environment": "eu", "from": at, "through": at, "requests": 1, "errors": 0,
                   "max_error_percent": 1, "window_seconds": 60, "minimum_requests": 20}),
            Some("t"),
            "shop/eu",
        ),
        (
            "monitor.high_error_rate",
            json!({"service": "shop", "environment": "eu", "from": at, "through": at, "requests": 20, "errors": 9, "max_error_percent": 1}),
            Some("t"),
            "shop/eu",
        ),
        (
            "monitor.error_rate_normal",
            json!({"service": "shop", "environment": "eu", "from": at, "through": at, "requests": 20, "errors": 0, "max_error_percent": 1}),
            Some("t"),
            "shop/eu",
        ),
        (
            "monitor.alert.fired",
            json!({"fingerprint": "f", "alert_name": "a", "starts_at": at}),
            Some("t"),
            "t",
        ),
    ];
    for (event_type, payload, trace_id, expected) in cases {
        let body = json!({"id": "m-1", "type": event_type, "source": "a", "payload": payload,
                          "context": {"trace_id": trace_id}});
        assert_eq!(read_one(&body.to_string()).envelope().subject().as_str(), expected, "{body}");
    }
    let nameless = json!({"id": "m-1", "type": "monitor.alert.fired", "source": "a",
                          "payload": {"fingerprint": "f", "alert_name": "a", "starts_at": at}});
    assert_eq!(faults_of(&nameless.to_string())[0].field, "payload");
}

#[test]
fn a_type_with_a_schema_is_carried_by_it() {
    let body = json!({"id": "m-1", "type": "lead.discovered", "source": "agents/scout",
                      "payload": {"lead_id": "lead-1", "name": "Ada", "channel": "web"}, "context": {"priority": "low"}});
    let keys = FakeKeys::new();
    let outgoing = read_one(&body.to_string()).into_outgoing(&keys).unwrap();
    assert_eq!((outgoing.topic(), outgoing.key()), ("lead", "lead-1"));
    recorded(&outgoing, |event| {
        let lead: types::lead::LeadDiscovered = event.typed().unwrap();
        assert_eq!(lead.name.unwrap().open(&keys.key_of("lead-1"), "name").unwrap(), "Ada");
        let again: Value = serde_json::from_str(&to_acp_json(event).unwrap()).unwrap();
        assert_eq!(again["payload"]["lead_id"], "lead-1");
        assert_eq!(again["context"], json!({"priority": "low"}));
    });
    let bad = body.to_string().replace("\"web\"", "7");
    assert_eq!(faults_of(&bad)[0].field, "payload.channel");
}

#[test]
fn messages_and_events_may_share_a_batch() {
    let event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "agent.task.x", "data": 1});
    let body = json!([message(), event]).to_string();
    let read = json::parse(body.as_bytes(), "application/cloudevents-batch+json").unwrap();
    assert_eq!(read.iter().map(json::Incoming::form).collect::<Vec<_>>(), [Form::Acp, Form::CloudEvents]);
}

#[test]
fn every_schema_with_types_of_its_own_has_a_rule_for_its_subject_but_alerts_and_requested_calls() {
    // whatever is added to `schemas/` must say here what an agent message of that type is about
    let without: Vec<&str> = Catalog::builtin()
        .entries()
        .iter()
        .filter(|entry| entry.event_types.iter().any(|event_type| !event_type.ends_with('*')))
        .filter(|entry| {
            let apache_avro::Schema::Record(record) = &entry.avro else { panic!("a record") };
            let payload: Value = record.fields.iter().map(|field| (field.name.clone(), json!("x"))).collect();
            let body = json!({"id": "1", "type": entry.event_types[0], "source": "a", "payload": payload});
            let faults = json::parse(body.to_string().as_bytes(), "application/json").map(|_| ());
            faults.is_err_and(|faults| {
                faults.as_slice().iter().any(|fault| fault.expected.contains("trace_id"))
            })
        })
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(
        without,
        ["brainops.monitor.AlertFired", "brainops.monitor.AlertResolved", "brainops.tool.CallRequested"]
    );
}

/// A message as an agent would read it.
#[derive(Debug, PartialEq, Deserialize)]
struct Message {
    id: String,
    r#type: String,
    source: String,
    payload: Text,
    #[serde(default)]
    context: Context,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Context {
    trace_id: Option<String>,
    priority: Option<String>,
}

/// JSON, compared by its characters.
#[derive(Debug)]
struct Text(Box<RawValue>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// Through the log and back, and once more by way of a CloudEvent.
fn survives(body: &str) -> Result<(), TestCaseError> {
    let keys = FakeKeys::new();
    let sent: Message = serde_json::from_str(body).unwrap();
    let outgoing = read_one(body).into_outgoing(&keys).unwrap();
    let said = recorded(&outgoing, |event| to_acp_json(event).unwrap());
    prop_assert_eq!(&sent, &serde_json::from_str::<Message>(&said).unwrap());
    let again = read_one(&said).into_outgoing(&keys).unwrap();
    prop_assert_eq!(&again.envelope, &outgoing.envelope);
    prop_assert_eq!(&again.datum, &outgoing.datum);
    let as_event = recorded(&outgoing, |event| to_cloudevent_json(event).unwrap());
    let through_event = read_one(&as_event).into_outgoing(&keys);
    if outgoing.envelope.event_type().domain() == "agent" {
        let said = recorded(&through_event.unwrap(), |event| to_acp_json(event).unwrap());
        prop_assert_eq!(&sent, &serde_json::from_str::<Message>(&said).unwrap());
    }
    Ok(())
}

fn payload() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
    ];
    let text = prop_oneof![
        any::<String>().prop_map(|text| json!(text).to_string()),
        Just(r#""\u00e4\ud83d\ude00\/\u0000\b""#.to_owned()),
    ];
    let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number, text];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let spaced = (inner, prop::sample::select(vec!["", " ", "\n  ", "\t", "\r\n"]));
        let spaced = spaced.prop_map(|(inner, space)| format!("{space}{inner}{space}"));
        prop_oneof![
            prop::collection::vec(spaced.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(any::<String>(), spaced, 0..6).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn line() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,40}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn messages_survive_the_way_there_and_back(
        id in line(),
        event_type in "(agent\\.(intent|command|task)|agent|need|com\\.example)\\.x[a-z0-9_-]{0,10}",
        source in "[a-z]{1,8}(/[a-z0-9._~-]{0,5}){0,3}",
        payload in payload(),
        context in prop::option::of((prop::option::of(line()), prop::option::of(
            prop::sample::select(vec!["low", "normal", "high", "urgent"])))),
    ) {
        let context = match context {
            None => String::new(),
            Some((trace_id, priority)) => {
                let trace_id = trace_id.map(|trace_id| format!("\"trace_id\":{}", json!(trace_id)));
                let priority = priority.map(|priority| format!("\"priority\":\"{priority}\""));
                let members: Vec<String> = trace_id.into_iter().chain(priority).collect();
                format!(",\"context\":{{{}}}", members.join(","))
            }
        };
        survives(&format!(
            "{{\"id\":{},\"type\":\"{event_type}\",\"source\":\"{source}\",\"payload\": {payload} {context}}}",
            json!(id)
        ))?;
    }
}
