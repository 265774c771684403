//! CloudEvents in JSON, at random: said again they are the same, and nothing that comes in does harm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use brainops_event::format_timestamp;
use brainops_event::json::{self, to_cloudevent_json};
use common::{FakeKeys, read_one, recorded};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What it takes to say an event again, when its data has a schema: the same envelope, the same bytes.
fn survives(body: &str) -> Result<(), TestCaseError> {
    let keys = FakeKeys::new();
    let first = read_one(body).into_outgoing(&keys).unwrap();
    let said = recorded(&first, |event| to_cloudevent_json(event).unwrap());
    let second = read_one(&said).into_outgoing(&keys).unwrap();
    prop_assert_eq!(&first.envelope, &second.envelope);
    prop_assert_eq!(&first.datum, &second.datum, "{}", said);
    let (sent, said): (Value, Value) =
        (serde_json::from_str(body).unwrap(), serde_json::from_str(&said).unwrap());
    for (name, value) in sent.as_object().unwrap() {
        if name != "data" && name != "time" && !value.is_null() {
            let value = if value.is_string() { value.clone() } else { Value::from(value.to_string()) };
            prop_assert_eq!(&said[name.as_str()], &value, "{}", name);
        }
    }
    Ok(())
}

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn line() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,40}"
}

fn attributes() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let known = (
        line(),
        "[a-z]{1,8}(/[a-z0-9._~-]{0,5}){0,3}",
        line(),
        prop::option::of(-62_135_596_800_000_i64..=253_402_300_799_999),
        prop::option::of(prop::sample::select(vec!["low", "normal", "high", "urgent"])),
    );
    let extension = prop_oneof![
        line().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from)
    ];
    let extensions = prop::collection::btree_map("x[a-z0-9]{0,19}", extension, 0..5);
    (known, extensions).prop_map(|((id, source, subject, time, priority), extensions)| {
        let mut event: serde_json::Map<_, _> = extensions.into_iter().collect();
        event.insert("specversion".into(), "1.0".into());
        event.insert("id".into(), id.into());
        event.insert("source".into(), source.into());
        event.insert("subject".into(), subject.into());
        if let Some(time) = time.and_then(brainops_event::timestamp_from_millis) {
            event.insert("time".into(), format_timestamp(&time).into());
        }
        if let Some(priority) = priority {
            event.insert("priority".into(), priority.into());
        }
        event
    })
}

fn typed_data() -> impl Strategy<Value = (&'static str, Value)> {
    let time = -62_135_596_800_000_i64..=253_402_300_799_999_i64;
    let lead = (text(), prop::option::of(text()), text(), prop::option::of(text())).prop_map(
        |(id, name, channel, company)| {
            ("lead.discovered", json!({"lead_id": id, "name": name, "channel": channel, "company": company}))
        },
    );
    let alert = (text(), prop::collection::btree_map(text(), text(), 0..6), time.clone()).prop_map(
        |(name, labels, at)| {
            (
                "monitor.alert.fired",
                json!({"fingerprint": "f", "alert_name": name, "labels": labels, "starts_at": at}),
            )
        },
    );
    let metric = (text(), any::<f64>().prop_filter("JSON has no others", |value| value.is_finite()))
        .prop_map(|(unit, value)| {
            ("business.metric.recorded", json!({"metric": "m", "value": value, "unit": unit}))
        });
    let commit = (prop::collection::vec(text(), 0..5), any::<i64>(), any::<i32>(), any::<bool>(), text(), time).prop_map(
        |(paths, insertions, files_changed, complete, message, at)| {
            let when = format_timestamp(&brainops_event::timestamp_from_millis(at).unwrap());
            ("git.commit.created", json!({
                "repository": "r", "sha": "s", "parents": paths, "committed_at": at, "authored_at": when,
                "author_id": "a", "message": message, "files_changed": files_changed, "insertions": insertions,
                "paths": paths, "paths_complete": complete
            }))
        },
    );
    prop_oneof![lead, alert, metric, commit]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn typed_events_survive_the_way_there_and_back(mut event in attributes(), (event_type, data) in typed_data()) {
        event.insert("type".into(), event_type.into());
        event.insert("data".into(), data);
        survives(&Value::Object(event).to_string())?;
    }

    #[test]
    fn messages_survive_the_way_there_and_back(mut event in attributes(), data in any_json()) {
        event.insert("type".into(), "agent.task.do".into());
        event.insert("data".into(), data);
        survives(&Value::Object(event).to_string())?;
    }

    #[test]
    fn no_bytes_harm_the_reader(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::parse(&body, "application/json");
    }

    #[test]
    fn no_json_harms_the_reader(body in any_json(), members in prop::collection::btree_map(
        prop::sample::select(vec!["id", "source", "type", "subject", "data", "time", "payload", "context", "specversion"]),
        any_json(), 0..9)) {
        let _ = json::parse(body.to_string().as_bytes(), "application/json");
        let _ = json::parse(json!(members).to_string().as_bytes(), "application/json");
    }
}
