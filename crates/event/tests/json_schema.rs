//! Data by the schema of its type: the same bytes as the typed event, faults named, personal text sealed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use brainops_event::json::{Refusal, into_outgoing_all, to_cloudevent_json};
use brainops_event::types::privacy::Sealed;
use brainops_event::{
    Catalog, KeyError, KeyStore, Outgoing, TypedEvent, decode_datum, encode_datum, parse_timestamp, types,
};
use common::{FakeKeys, faults_of, read_one, recorded};
use serde_json::{Value, json};

fn event(event_type: &str, data: &Value) -> String {
    json!({"specversion": "1.0", "id": "e-1", "source": "/s", "type": event_type, "subject": "lead-1", "data": data})
        .to_string()
}

fn ready(event_type: &str, data: &Value, keys: &FakeKeys) -> Outgoing {
    read_one(&event(event_type, data)).into_outgoing(keys).unwrap()
}

fn same_bytes<T: TypedEvent>(data: &Value, expected: &T) {
    let outgoing = ready(T::EVENT_TYPE, data, &FakeKeys::new());
    let fast = &Catalog::builtin().by_name(T::SCHEMA).unwrap().fast;
    assert_eq!(outgoing.schema.name.as_str(), T::SCHEMA);
    assert_eq!(outgoing.datum, encode_datum(fast, expected).unwrap());
}

#[test]
fn json_gives_the_same_bytes_as_the_typed_event() {
    let at = parse_timestamp("2026-01-31T08:30:00.250Z").unwrap();
    let labels = [("severity", "page"), ("a", "b")];
    let fired = types::monitor::AlertFired {
        fingerprint: "f1".to_owned(),
        alert_name: "High \u{e4}".to_owned(),
        service: None,
        environment: Some("production".to_owned()),
        severity: None,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect(),
        starts_at: at,
        generator_url: None,
    };
    let mut data = json!({
        "fingerprint": "f1", "alert_name": "High \u{e4}", "environment": "production",
        "labels": {"severity": "page", "a": "b"}, "starts_at": "2026-01-31T09:30:00.250+01:00"
    });
    same_bytes(&data, &fired);
    let unsorted =
        data.to_string().replace(r#"{"a":"b","severity":"page"}"#, r#"{"severity":"page","a":"b"}"#);
    let body = event("monitor.alert.fired", &json!(0)).replace("\"data\":0", &format!("\"data\":{unsorted}"));
    let outgoing = read_one(&body).into_outgoing(&FakeKeys::new()).unwrap();
    let expected = encode_datum(&outgoing.schema.fast, &fired).unwrap();
    assert_eq!(outgoing.datum, expected, "members of a map are sorted");
    data["starts_at"] = json!(at.timestamp_millis());
    data["service"] = Value::Null;
    same_bytes(&data, &fired);
    let metric = types::business::MetricRecorded {
        metric: "mrr".to_owned(),
        value: 12.0,
        unit: "EUR".to_owned(),
        dimensions: std::collections::BTreeMap::new(),
    };
    same_bytes(&json!({"metric": "mrr", "value": 12, "unit": "EUR"}), &metric);
    same_bytes(&json!({"metric": "mrr", "value": 1.2e1, "unit": "EUR", "dimensions": {}}), &metric);
    let commit = types::git::CommitCreated {
        repository: "r".to_owned(),
        sha: "s".to_owned(),
        parents: vec!["p1".to_owned(), "p2".to_owned()],
        committed_at: at,
        authored_at: at,
        author_id: "a".to_owned(),
        author_name: None,
        author_email: None,
        message: None,
        files_changed: -1,
        insertions: 9_007_199_254_740_993,
        deletions: 0,
        paths: vec![],
        paths_complete: true,
    };
    same_bytes(
        &json!({"repository": "r", "sha": "s", "parents": ["p1", "p2"], "committed_at": at.timestamp_millis(),
                "authored_at": "2026-01-31T08:30:00.250Z", "author_id": "a", "files_changed": -1,
                "insertions": 9_007_199_254_740_993_i64}),
        &commit,
    );
}

#[test]
fn bad_data_is_named_with_what_is_accepted() {
    let time = "an RFC 3339 time within the years 0001 to 9999, or integer milliseconds since 1970";
    let int = "integer from -2147483648 to 2147483647";
    let long = "integer from -9223372036854775808 to 9223372036854775807";
    let commit =
        json!({"repository": "r", "sha": "s", "committed_at": 0, "authored_at": 0, "author_id": "a"});
    let cases: Vec<(&str, Value, &str, &str, &str)> = vec![
        ("repository", Value::Null, "data.repository", "string", "null"),
        ("repository", json!(1), "data.repository", "string", "a number"),
        ("repository", json!({"string": "r"}), "data.repository", "string", "an object"),
        ("repository", json!("a\0b"), "data.repository", "string", "a string that holds U+0000"),
        ("parents", json!("p1"), "data.parents", "array, each item: string", "a string"),
        ("parents", json!(["p1", 2]), "data.parents[1]", "string", "a number"),
        ("parents", json!([null]), "data.parents[0]", "string", "null"),
        ("committed_at", json!("2026-01-31"), "data.committed_at", time, "a string that is not such a time"),
        (
            "committed_at",
            json!("2026-01-31T08:30:00"),
            "data.committed_at",
            time,
            "a string that is not such a time",
        ),
        ("committed_at", json!("0000-01-01T00:00:00Z"), "data.committed_at", time, "a time outside of them"),
        ("committed_at", json!(253_402_300_800_000_i64), "data.committed_at", time, "a time outside of them"),
        ("committed_at", json!(-62_135_596_800_001_i64), "data.committed_at", time, "a time outside of them"),
        ("committed_at", json!(i64::MIN), "data.committed_at", time, "a time outside of them"),
        ("committed_at", json!(1.5), "data.committed_at", time, "another number"),
        ("committed_at", json!(true), "data.committed_at", time, "a boolean"),
        ("files_changed", json!(2_147_483_648_i64), "data.files_changed", int, "another number"),
        ("files_changed", json!(1.0), "data.files_changed", int, "another number"),
        ("files_changed", json!("1"), "data.files_changed", int, "a string"),
        ("files_changed", Value::Null, "data.files_changed", int, "null"),
        ("insertions", json!(9_223_372_036_854_775_808_u64), "data.insertions", long, "another number"),
        ("insertions", json!(1e3), "data.insertions", long, "another number"),
        ("paths_complete", json!(0), "data.paths_complete", "boolean", "a number"),
        ("author_name", json!(5), "data.author_name", "string (it is sealed here), null", "a number"),
        ("author_name", json!(["x"]), "data.author_name", "string (it is sealed here), null", "an array"),
        (
            "Repository",
            json!("r"),
            "data.Repository",
            "only these members: repository, sha, parents",
            "another member",
        ),
        ("a\nb", json!("r"), "data.a\\nb", "only these members", "another member"),
    ];
    for (field, value, place, expected, found) in cases {
        let mut data = commit.clone();
        data[field] = value.clone();
        let faults = faults_of(&event("git.commit.created", &data));
        assert_eq!(faults.len(), 1, "{field} = {value}: {faults:?}");
        assert_eq!((&*faults[0].field, &*faults[0].found), (place, found), "{field} = {value}");
        if expected.starts_with("only") || expected.contains("sealed") {
            assert!(faults[0].expected.starts_with(expected), "{}", faults[0]);
        } else {
            assert_eq!(faults[0].expected, expected, "{field} = {value}");
        }
    }
    let mut missing = commit;
    missing.as_object_mut().unwrap().remove("sha");
    let faults = faults_of(&event("git.commit.created", &missing));
    assert_eq!(
        (&*faults[0].field, &*faults[0].expected, &*faults[0].found),
        ("data.sha", "string", "nothing")
    );
    let label = json!({"fingerprint": "f", "alert_name": "n", "starts_at": 0, "labels": {"a": "b", "c": 7}});
    assert_eq!(faults_of(&event("monitor.alert.fired", &label))[0].field, "data.labels.c");
    let huge = r#"{"metric":"m","unit":"u","value":-1e308}"#;
    read_one(&event("business.metric.recorded", &serde_json::from_str(huge).unwrap()));
    let text = json!({"metric": "m", "unit": "u", "value": "NaN"});
    assert_eq!(faults_of(&event("business.metric.recorded", &text))[0].field, "data.value");
}

#[test]
fn personal_text_is_sealed_under_its_data_subject() {
    let keys = FakeKeys::new();
    let data =
        json!({"lead_id": "lead-1", "name": "Ada Lovelace", "email": "ada@example.org", "channel": "web"});
    let outgoing = ready("lead.discovered", &data, &keys);
    assert!(!String::from_utf8_lossy(&outgoing.datum).contains("Ada"));
    let lead: types::lead::LeadDiscovered = decode_datum(&outgoing.schema.fast, &outgoing.datum).unwrap();
    let key = keys.key_of("lead-1");
    assert_eq!(lead.name.unwrap().open(&key, "name").unwrap(), "Ada Lovelace");
    assert_eq!(lead.email.unwrap().open(&key, "email").unwrap(), "ada@example.org");

    let data = json!({"repository": "r", "sha": "s", "committed_at": 0, "authored_at": 0, "author_id": "author-9",
                      "author_name": "Ada", "message": ""});
    let commit = ready("git.commit.created", &data, &keys);
    let commit: types::git::CommitCreated = decode_datum(&commit.schema.fast, &commit.datum).unwrap();
    let key = keys.key_of("author-9");
    assert_eq!(commit.author_name.unwrap().open(&key, "name").unwrap(), "Ada");
    assert_eq!(commit.message.unwrap().open(&key, "message").unwrap(), "");
    assert_eq!(commit.author_email, None);
}

#[test]
fn a_sealed_value_passes_as_it_is() {
    let keys = FakeKeys::new();
    let sealed = Sealed::seal(&keys.key_of("lead-1"), "email", "ada@example.org").unwrap();
    let forms = [
        json!({"sealed": sealed.to_token()}),
        json!({"key_id": sealed.key_id, "nonce": base64(&sealed.nonce), "ciphertext": base64(&sealed.ciphertext)}),
    ];
    for form in forms {
        let data = json!({"lead_id": "lead-1", "email": form, "channel": "web"});
        let read = read_one(&event("lead.discovered", &data));
        assert!(read.data_subjects().is_empty(), "nothing is left to seal");
        let outgoing = read.into_outgoing(&keys).unwrap();
        let lead: types::lead::LeadDiscovered = decode_datum(&outgoing.schema.fast, &outgoing.datum).unwrap();
        assert_eq!(lead.email.as_ref(), Some(&sealed));
        recorded(&outgoing, |event| {
            let shown: Value = serde_json::from_str(&to_cloudevent_json(event).unwrap()).unwrap();
            assert_eq!(shown["data"]["email"], json!({"sealed": sealed.to_token()}));
            assert_eq!(shown["data"]["name"], Value::Null);
        });
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn what_only_looks_sealed_is_refused() {
    let id = "k-98a9a0c9f1c337e5941ef8a712c5c42a";
    let text = base64(&[0; 16]);
    let nonce = base64(&[0; 12]);
    let bad = [
        json!({}),
        json!({"sealed": "ada@example.org"}),
        json!({"sealed": 1}),
        json!({"sealed": {"key_id": id}}),
        json!({"sealed": "sealed.v1.k-1.AAAA.AAAA"}),
        json!({"plain": "ada@example.org"}),
        json!({"key_id": "ada", "nonce": nonce, "ciphertext": text}),
        json!({"key_id": id, "nonce": base64(&[0; 11]), "ciphertext": text}),
        json!({"key_id": id, "nonce": nonce, "ciphertext": base64(&[0; 15])}),
        json!({"key_id": id, "nonce": "*", "ciphertext": text}),
        json!({"key_id": id, "nonce": nonce}),
        json!({"key_id": id, "nonce": nonce, "ciphertext": text, "plain": "x"}),
        json!({"key_id": id, "nonce": nonce, "ciphertext": 7}),
    ];
    for value in bad {
        let data = json!({"lead_id": "lead-1", "email": value, "channel": "web"});
        let faults = faults_of(&event("lead.discovered", &data));
        assert_eq!(faults[0].field, "data.email", "{value}");
        assert!(!format!("{faults:?}").contains("ada@"), "{faults:?}");
    }
}

#[test]
fn a_text_that_looks_like_a_token_is_sealed_like_any_other() {
    let keys = FakeKeys::new();
    let token = Sealed::seal(&keys.key_of("x"), "email", "x").unwrap().to_token();
    let outgoing = ready("lead.discovered", &json!({"lead_id": "l", "email": token, "channel": "w"}), &keys);
    let lead: types::lead::LeadDiscovered = decode_datum(&outgoing.schema.fast, &outgoing.datum).unwrap();
    assert_eq!(lead.email.unwrap().open(&keys.key_of("lead-1"), "email").unwrap(), token);
}

#[test]
fn no_key_is_made_for_an_event_that_is_refused() {
    let data = json!({"lead_id": "lead-1", "name": "Ada", "channel": 5});
    assert_eq!(faults_of(&event("lead.discovered", &data))[0].field, "data.channel");
    let no_author =
        json!({"repository": "r", "sha": "s", "committed_at": 0, "authored_at": 0, "author_name": "Ada"});
    assert_eq!(faults_of(&event("git.commit.created", &no_author))[0].field, "data.author_id");
    let mut empty_author = no_author;
    empty_author["author_id"] = json!("");
    let faults = faults_of(&event("git.commit.created", &empty_author));
    assert_eq!(faults[0].field, "data.author_id");
    assert!(faults[0].expected.contains("non-empty"));
}

#[test]
fn a_destroyed_key_seals_nothing_more() {
    let keys = FakeKeys::new();
    keys.destroy(keys.key_of("lead-1").id()).unwrap();
    let read =
        || read_one(&event("lead.discovered", &json!({"lead_id": "l", "email": "ada@x", "channel": "w"})));
    let refused =
        [read().into_outgoing(&keys).map(|_| ()), into_outgoing_all(vec![read()], &keys).map(|_| ())];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, Refusal::Keys(KeyError::Destroyed(_))), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("ada@"));
    }
}

#[test]
fn every_type_with_a_schema_says_what_it_wants() {
    for entry in Catalog::builtin().entries() {
        for event_type in entry.event_types.iter().filter(|event_type| !event_type.ends_with('*')) {
            let faults = faults_of(&event(event_type, &json!({"no_such_member": 1})));
            assert!(faults.iter().any(|fault| fault.field == "data.no_such_member"), "{event_type}");
            assert!(faults.iter().all(|fault| !fault.expected.is_empty() && !fault.found.is_empty()));
        }
    }
}
