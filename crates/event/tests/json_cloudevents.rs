//! CloudEvents in JSON: what is accepted, what is refused and how that is said, and that nothing gets lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use brainops_event::json::{self, Form, MAX_BATCH, into_outgoing_all, read_structured, to_cloudevent_json};
use brainops_event::{Body, Priority, Trust, format_timestamp, types};
use common::{FakeKeys, faults_of, read_one, recorded};
use serde_json::{Value, json};

fn event() -> Value {
    json!({
        "specversion": "1.0", "id": "e-1", "source": "/shop", "type": "lead.won", "subject": "lead-1",
        "data": {"lead_id": "lead-1", "amount_minor": 120_000, "currency": "EUR"}
    })
}

/// The event with members put in the place of others, or taken away where the value is missing.
fn changed(changes: &[(&str, Option<Value>)]) -> String {
    let mut event = event();
    let members = event.as_object_mut().unwrap();
    for (name, value) in changes {
        match value {
            Some(value) => members.insert((*name).to_owned(), value.clone()),
            None => members.remove(*name),
        };
    }
    event.to_string()
}

#[test]
fn an_event_is_read_whole() {
    let body = changed(&[
        ("time", Some(json!("2026-01-31T09:30:00.123456+01:00"))),
        ("datacontenttype", Some(json!("application/json; charset=utf-8"))),
        ("dataschema", Some(json!("https://example.org/s"))),
        ("correlationid", Some(json!("story"))),
        ("causationid", Some(json!("cause"))),
        ("traceparent", Some(json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))),
        ("authid", Some(json!("who"))),
        ("priority", Some(json!("urgent"))),
        ("trust", Some(json!("external"))),
        ("tenant", Some(json!("acme"))),
        ("retry", Some(json!(-3))),
        ("final", Some(json!(true))),
        ("nothing", Some(Value::Null)),
    ]);
    let event = read_one(&body);
    assert_eq!(event.form(), Form::CloudEvents);
    let envelope = event.envelope();
    assert_eq!(envelope.id().as_str(), "e-1");
    assert_eq!(envelope.source().as_str(), "/shop");
    assert_eq!(envelope.event_type().as_str(), "lead.won");
    assert_eq!(envelope.subject().as_str(), "lead-1");
    assert_eq!(format_timestamp(&envelope.time().unwrap()), "2026-01-31T08:30:00.123Z");
    assert_eq!(envelope.dataschema(), Some("https://example.org/s"));
    assert_eq!(envelope.correlation_id(), Some("story"));
    assert_eq!(envelope.causation_id(), Some("cause"));
    assert!(envelope.traceparent().is_some());
    assert_eq!(envelope.auth_id(), Some("who"));
    assert_eq!(envelope.priority(), Some(Priority::Urgent));
    assert_eq!(envelope.trust(), Some(Trust::External));
    let extensions: Vec<_> = envelope.extensions().iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(extensions, [("final", "true"), ("retry", "-3"), ("tenant", "acme")]);
    let outgoing = event.into_outgoing(&FakeKeys::new()).unwrap();
    recorded(&outgoing, |event| {
        let won: types::lead::LeadWon = event.typed().unwrap();
        assert_eq!((won.amount_minor, won.currency.as_deref()), (Some(120_000), Some("EUR")));
    });
}

#[test]
fn bad_attributes_are_named() {
    let long = "x".repeat(600);
    let cases: Vec<(&str, Option<Value>, &str)> = vec![
        ("id", None, "a non-empty string"),
        ("id", Some(Value::Null), "a non-empty string"),
        ("id", Some(json!("")), "a non-empty string"),
        ("id", Some(json!(7)), "a non-empty string"),
        ("id", Some(json!("a\0b")), "1 to 256 bytes without control characters"),
        ("id", Some(json!(long)), "1 to 256 bytes without control characters"),
        ("source", None, "a non-empty string"),
        ("source", Some(json!("")), "a non-empty string"),
        ("source", Some(json!("not a uri")), "a URI reference (RFC 3986) of 1 to 512 bytes"),
        ("type", None, "a non-empty string"),
        ("type", Some(json!("")), "a non-empty string"),
        ("type", Some(json!(["lead.won"])), "a non-empty string"),
        ("type", Some(json!("lead\nwon")), "1 to 256 bytes without control characters"),
        ("subject", None, "a non-empty string"),
        ("subject", Some(Value::Null), "a non-empty string"),
        ("subject", Some(json!("")), "a non-empty string"),
        ("subject", Some(json!(12)), "a non-empty string"),
        ("subject", Some(json!("a\u{7f}b")), "1 to 512 bytes without control characters"),
        ("specversion", None, "\"1.0\" (what has a payload and no specversion is read as an agent message)"),
        (
            "specversion",
            Some(json!("0.3")),
            "\"1.0\" (what has a payload and no specversion is read as an agent message)",
        ),
        (
            "specversion",
            Some(json!("2.0")),
            "\"1.0\" (what has a payload and no specversion is read as an agent message)",
        ),
        (
            "specversion",
            Some(json!(1.0)),
            "\"1.0\" (what has a payload and no specversion is read as an agent message)",
        ),
        ("time", Some(json!("yesterday")), "an RFC 3339 time within the years 0001 to 9999"),
        ("time", Some(json!("2026-01-31T08:30:00")), "an RFC 3339 time within the years 0001 to 9999"),
        ("time", Some(json!("0000-06-01T00:00:00Z")), "an RFC 3339 time within the years 0001 to 9999"),
        ("time", Some(json!("0001-01-01T00:00:00+01:00")), "an RFC 3339 time within the years 0001 to 9999"),
        ("time", Some(json!("10000-01-01T00:00:00Z")), "an RFC 3339 time within the years 0001 to 9999"),
        ("time", Some(json!("9999-12-31T23:59:59-01:00")), "an RFC 3339 time within the years 0001 to 9999"),
        ("time", Some(json!(1_700_000_000)), "an RFC 3339 time within the years 0001 to 9999"),
        ("dataschema", Some(json!("relative/path")), "an absolute URI (RFC 3986) of 1 to 1024 bytes"),
        ("priority", Some(json!("asap")), "low, normal, high or urgent"),
        ("priority", Some(json!("High")), "low, normal, high or urgent"),
        ("trust", Some(json!("full")), "trusted, external or model"),
        ("correlationid", Some(json!("")), "1 to 512 bytes without control characters"),
        ("tenant", Some(json!({"name": "acme"})), "a string, a boolean or an integer of 32 bits"),
        ("tenant", Some(json!(["acme"])), "a string, a boolean or an integer of 32 bits"),
        ("tenant", Some(json!(2_147_483_648_i64)), "a string, a boolean or an integer of 32 bits"),
        ("tenant", Some(json!(1.5)), "a string, a boolean or an integer of 32 bits"),
        ("tenant", Some(json!("x".repeat(65_536))), "1 to 4096 bytes without control characters"),
        ("tenant", Some(json!("a\0")), "1 to 4096 bytes without control characters"),
        ("Tenant", Some(json!("acme")), "an attribute name of 1 to 20 characters of a-z and 0-9"),
        ("tenant_id", Some(json!("acme")), "an attribute name of 1 to 20 characters of a-z and 0-9"),
        ("", Some(json!("acme")), "an attribute name of 1 to 20 characters of a-z and 0-9"),
        (
            "abcdefghijklmnopqrstu",
            Some(json!("acme")),
            "an attribute name of 1 to 20 characters of a-z and 0-9",
        ),
        (
            "datacontenttype",
            Some(json!("text/xml")),
            "a JSON media type such as application/json, since data of this type is JSON",
        ),
        (
            "datacontenttype",
            Some(json!("")),
            "a JSON media type such as application/json, since data of this type is JSON",
        ),
        ("datacontenttype", Some(json!(1)), "a non-empty string"),
        ("data_base64", Some(json!("AA==")), "either data or data_base64"),
        ("data", None, "object"),
        ("data", Some(Value::Null), "object"),
        ("data", Some(json!("{}")), "object"),
    ];
    for (field, value, expected) in cases {
        let body = changed(&[(field, value.clone())]);
        let faults = faults_of(&body);
        let fault = faults.iter().find(|fault| fault.field == field);
        let fault = fault.unwrap_or_else(|| panic!("{field} = {value:?}: {faults:?}"));
        assert_eq!(fault.expected, expected, "{field} = {value:?}");
        let shown = format!("{faults:?}");
        assert!(!shown.contains("acme") && !shown.contains("asap"), "{shown} repeats a value");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let body = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "deployment.started", "time": 3,
                      "Bad": "x", "data": {"service": 1, "environment": null, "colour": "red"}});
    let fields: Vec<String> = faults_of(&body.to_string()).into_iter().map(|fault| fault.field).collect();
    let expected = [
        "subject",
        "data.colour",
        "data.service",
        "data.environment",
        "data.deployment_id",
        "data.sha",
        "Bad",
        "time",
    ];
    let mut sorted = (fields.clone(), expected.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
}

#[test]
fn bad_bodies_are_refused() {
    let one = "application/cloudevents+json";
    let batch = "application/cloudevents-batch+json; charset=UTF-8";
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep_data = changed(&[("data", Some(json!({"lead_id": "x"})))]).replace("\"x\"", &deep);
    let good = event().to_string();
    let many = format!("[{}]", vec!["1"; MAX_BATCH + 1].join(","));
    let cases: Vec<(&[u8], &str, &str, &str)> = vec![
        (b"", one, "body", "EOF"),
        (b"{", one, "body", "EOF"),
        (b"\xff\xfe", one, "body", "not UTF-8 at byte 0"),
        (b"{\"id\":\"\xc3\x28\"}", one, "body", "not UTF-8"),
        (b"nonsense", one, "body", "expected"),
        (b"{} {}", one, "body", "trailing"),
        (br#"{"id":"1","id":"2"}"#, one, "body", "given twice"),
        (br#"{"data":{"a":[{"b":1,"b":2}]}}"#, one, "body", "given twice"),
        (br#"{"data":{"a":1,"\u0061":2}}"#, one, "body", "given twice"),
        (br#"{"data":"\ud800"}"#, one, "body", "escape"),
        (br#"{"data":1e999}"#, one, "body", "out of range"),
        (br#"{"data":NaN}"#, one, "body", "expected"),
        (deep.as_bytes(), one, "body", "recursion limit"),
        (deep_data.as_bytes(), one, "body", "recursion limit"),
        (b"[]", one, "body", "an array"),
        (b"\"text\"", one, "body", "a string"),
        (b"{}", batch, "body", "an object"),
        (b"7", "application/json", "body", "a number"),
        (b"[]", batch, "body", "an array of 0"),
        (many.as_bytes(), batch, "body", "an array of 1001"),
        (b"[7]", batch, "[0]", "a number"),
        (good.as_bytes(), "", "content-type", "nothing"),
        (good.as_bytes(), "text/plain", "content-type", "another media type"),
        (good.as_bytes(), "application/cloudevents+avro", "content-type", "another media type"),
        (good.as_bytes(), "application/json; charset=latin1", "content-type", "another charset"),
    ];
    for (body, content_type, field, found) in cases {
        let faults = json::parse(body, content_type).expect_err(&String::from_utf8_lossy(body));
        let fault = &faults.as_slice()[0];
        assert_eq!(fault.field, field, "{fault}");
        assert!(fault.found.contains(found), "{fault}");
    }
    assert!(faults_of("[]")[0].expected.contains("1 to 1000 events"));
    assert!(faults_of(&many)[0].expected.contains("1 to 1000 events"));
}

#[test]
fn media_types_are_read_as_they_are_written_in_the_wild() {
    let one = event().to_string();
    for content_type in [
        "application/cloudevents+json",
        "application/cloudevents+json; charset=UTF-8",
        "Application/CloudEvents+JSON ;charset=\"utf-8\"",
        "application/json",
        "application/json; charset=utf-8; profile=x",
    ] {
        assert_eq!(json::parse(one.as_bytes(), content_type).unwrap().len(), 1, "{content_type}");
    }
}

#[test]
fn a_batch_names_the_event_that_is_wrong_and_is_refused_whole() {
    let good = event();
    let mut bad = event();
    bad["data"]["amount_minor"] = json!("much");
    let faults = faults_of(&json!([good, bad, good, {"specversion": "1.0"}]).to_string());
    let fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
    assert_eq!(fields, ["[1].data.amount_minor", "[3].id", "[3].source", "[3].type"]);
    let full: Vec<Value> = (0..MAX_BATCH).map(|_| event()).collect();
    assert_eq!(json::parse(json!(full).to_string().as_bytes(), "application/json").unwrap().len(), MAX_BATCH);
    let all_bad = vec![json!({}); MAX_BATCH];
    assert_eq!(faults_of(&json!(all_bad).to_string()).len(), 50, "the list of faults is bounded");
}

#[test]
fn the_keys_of_a_batch_are_asked_for_at_once() {
    let lead = |number: usize| {
        json!({"specversion": "1.0", "id": number.to_string(), "source": "/s", "type": "lead.discovered",
               "subject": format!("lead-{number}"),
               "data": {"lead_id": format!("lead-{number}"), "channel": "web", "name": "Ada", "email": null}})
    };
    let leads: Vec<Value> = (0..20).map(lead).collect();
    let events = json::parse(json!(leads).to_string().as_bytes(), "application/json").unwrap();
    let keys = FakeKeys::new();
    assert_eq!(into_outgoing_all(events, &keys).unwrap().len(), 20);
    let asked = keys.asked.lock().unwrap();
    assert_eq!(asked[0].len(), 20, "first for all of them");
    assert_eq!(keys.number_made(), 20);
}

#[test]
fn an_event_without_a_schema_here_is_kept_whole_and_sealed() {
    let body = r#"{ "specversion":"1.0", "id":"7", "source":"//foreign", "type":"com.example.user_created",
        "datacontenttype":"text/xml", "size": 5, "data": "<name>Ada</name>" }"#;
    let event = read_one(body);
    assert_eq!(event.envelope().subject().as_str(), "cloudevents/7", "it had none");
    assert_eq!(event.data_subjects(), ["cloudevents/7"]);
    let keys = FakeKeys::new();
    let outgoing = event.into_outgoing(&keys).unwrap();
    assert_eq!(
        (outgoing.topic(), outgoing.envelope.event_type().as_str()),
        ("webhook", "com.example.user_created")
    );
    assert!(!String::from_utf8_lossy(&outgoing.datum).contains("Ada"));
    recorded(&outgoing, |event| {
        let received: types::webhook::Received = event.decode().unwrap();
        assert_eq!(received.provider, "cloudevents");
        assert_eq!(received.delivery_id, "7");
        assert_eq!(received.content_type, "application/cloudevents+json");
        let opened = received.body.unwrap().open(&keys.key_of("cloudevents/7"), "delivery").unwrap();
        assert_eq!(opened, body, "to the last space");
        assert!(!to_cloudevent_json(event).unwrap().contains("Ada"));
    });
    let with_bytes =
        r#"{"specversion":"1.0","id":"7","source":"/s","type":"x.y","subject":"mine","data_base64":"AAE="}"#;
    assert_eq!(read_one(with_bytes).envelope().subject().as_str(), "mine");
    let not_bytes = with_bytes.replace("AAE=", "AAE");
    assert_eq!(faults_of(&not_bytes)[0].field, "data_base64");
    let no_data = r#"{"specversion":"1.0","id":"7","source":"/s","type":"x.y"}"#;
    read_one(no_data).into_outgoing(&keys).unwrap();
}

#[test]
fn data_in_base64_is_refused_where_json_is_wanted() {
    for event_type in ["lead.won", "agent.intent.look"] {
        let body = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": event_type, "subject": "s",
                          "data_base64": "AAE="});
        let faults = faults_of(&body.to_string());
        assert!(faults.iter().any(|fault| fault.field == "data_base64"), "{faults:?}");
    }
}

#[test]
fn a_message_keeps_its_data_to_the_character() {
    let data = r#"{ "n": 123456789012345678901234567890.10 , "e":1E+2, "s":"\u00e4\/ä", "z":[ ] }"#;
    let body = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/a","type":"agent.intent.look","correlationid":"t","data":{data}}}"#
    );
    let event = read_one(&body);
    assert_eq!(event.envelope().subject().as_str(), "t");
    let outgoing = event.into_outgoing(&FakeKeys::new()).unwrap();
    assert_eq!(outgoing.topic(), "agent");
    recorded(&outgoing, |event| {
        assert_eq!(event.decode::<types::agent::Message>().unwrap().payload, data);
        assert!(to_cloudevent_json(event).unwrap().ends_with(&format!("\"data\":{data}}}")));
    });
}

#[test]
fn a_structured_record_of_the_log_is_read() {
    let value = br#"{"specversion":"1.0","id":"1","source":"/s","type":"x.y","subject":"a","tenant":"t","data":{"n":1}}"#;
    let (envelope, body) = read_structured(value).unwrap();
    assert_eq!((envelope.id(), envelope.subject(), envelope.event_type()), ("1", Some("a"), "x.y"));
    assert_eq!(envelope.extensions().collect::<Vec<_>>(), [("tenant", "t")]);
    assert!(matches!(body, Body::Json(text) if text == r#"{"n":1}"#));
    let (_, body) =
        read_structured(br#"{"specversion":"1.0","id":"1","source":"/s","type":"x.y","subject":"a"}"#)
            .unwrap();
    assert!(matches!(body, Body::Empty));
    let cases = [
        ("", "body"),
        ("[]", "body"),
        (r#"{"specversion":"1.0","id":"1","source":"/s","type":"x.y"}"#, "subject"),
        (r#"{"specversion":"0.3","id":"1","source":"/s","type":"x.y","subject":"a"}"#, "specversion"),
        (r#"{"specversion":"1.0","source":"/s","type":"x.y","subject":"a"}"#, "id"),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"x.y","subject":"a","data_base64":"AA=="}"#,
            "data_base64",
        ),
        (r#"{"specversion":"1.0","id":"1","source":"/s","type":"x.y","subject":"a","time":"noon"}"#, "time"),
    ];
    for (value, field) in cases {
        assert_eq!(read_structured(value.as_bytes()).unwrap_err().as_slice()[0].field, field, "{value}");
    }
}

#[test]
fn a_door_may_add_to_the_envelope() {
    let event = read_one(&event().to_string());
    let event = event
        .with_envelope(|envelope| envelope.with_trust(Trust::External).with_auth_id("operator"))
        .unwrap();
    assert_eq!(event.envelope().auth_id(), Some("operator"));
    let again = event.with_envelope(|envelope| envelope.with_auth_id(""));
    assert!(again.is_err());
}
