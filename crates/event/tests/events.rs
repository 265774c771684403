//! Events on their way in and out: what may be appended, what a reader sees, and what the catalog says of types.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::borrow::Cow;

use brainops_event::{
    Body, Catalog, DecodeError, EncodeError, Envelope, EventId, EventType, Offset, Outgoing, Partition,
    Recorded, SchemaId, Source, Subject, TopicName, TypedEvent, WriterSchema, format_timestamp,
    parse_timestamp, types,
};
use serde::Deserialize;
use serde_json::json;

fn event_type(text: &str) -> EventType {
    EventType::new(text).unwrap()
}

fn envelope(of_type: &str) -> Envelope {
    let (id, source) = (EventId::new("1").unwrap(), Source::new("brainops/test").unwrap());
    Envelope::new(id, source, event_type(of_type), Subject::new("s").unwrap())
}

fn commit() -> types::git::CommitCreated {
    types::git::CommitCreated {
        repository: "shop-0123456789ab".to_owned(),
        sha: "a".repeat(40),
        parents: vec!["b".repeat(40)],
        committed_at: parse_timestamp("2026-01-31T08:30:00.123Z").unwrap(),
        authored_at: parse_timestamp("1969-12-31T23:59:59.999Z").unwrap(),
        author_id: "f00".to_owned(),
        author_name: None,
        author_email: Some(types::privacy::Sealed {
            key_id: "k-1".to_owned(),
            nonce: vec![0; 12],
            ciphertext: vec![251, 255],
        }),
        message: None,
        files_changed: 3,
        insertions: 10,
        deletions: 0,
        paths: vec!["src/main.rs".to_owned()],
        paths_complete: true,
    }
}

fn with_recorded<R>(outgoing: &Outgoing, look: impl FnOnce(&Recorded<'_>) -> R) -> R {
    let schema = outgoing.schema.writer_schema(SchemaId::new(4)).unwrap();
    let body = Body::Avro { schema: &schema, datum: &outgoing.datum };
    look(&recorded(&outgoing.envelope, body, &TopicName::new("brainops.git").unwrap()))
}

fn recorded<'a>(envelope: &'a Envelope, body: Body<'a>, topic: &'a TopicName) -> Recorded<'a> {
    Recorded {
        topic,
        partition: Partition::new(2).unwrap(),
        offset: Offset::new(17).unwrap(),
        recorded_at: parse_timestamp("2026-02-01T00:00:00Z").unwrap(),
        envelope: envelope.view(),
        body,
    }
}

#[test]
fn a_fold_reads_only_what_it_wants_and_borrows_it() {
    #[derive(Deserialize)]
    struct Wanted<'a> {
        sha: &'a str,
        #[serde(borrow)]
        parents: Vec<&'a str>,
        files_changed: i32,
    }
    let outgoing = Outgoing::typed(envelope("git.commit.created"), &commit()).unwrap();
    with_recorded(&outgoing, |recorded| {
        let wanted: Wanted<'_> = recorded.decode().unwrap();
        assert_eq!(wanted.sha, "a".repeat(40));
        assert_eq!(wanted.parents, ["b".repeat(40)]);
        assert_eq!(wanted.files_changed, 3);
        let place = wanted.sha.as_ptr() as usize;
        let datum = outgoing.datum.as_ptr_range();
        assert!((datum.start as usize..datum.end as usize).contains(&place), "borrowed from the datum");
        assert_eq!(recorded.typed::<types::git::CommitCreated>().unwrap(), commit());
        assert_eq!(recorded.position().to_string(), "brainops.git/2@17");
    });
}

#[test]
fn a_reader_of_another_record_is_told_so() {
    let outgoing = Outgoing::typed(envelope("git.commit.created"), &commit()).unwrap();
    let error = with_recorded(&outgoing, |recorded| recorded.typed::<types::git::TagCreated>().unwrap_err());
    assert_eq!(
        error.to_string(),
        "schema 4 is brainops.git.CommitCreated, wanted is brainops.git.TagCreated"
    );
}

#[test]
fn a_field_that_the_writer_did_not_have_takes_its_default_or_is_missed() {
    let older = r#"{"type":"record","name":"brainops.git.TagCreated","fields":[
        {"name":"repository","type":"string"},{"name":"tag","type":"string"},{"name":"sha","type":"string"}]}"#;
    let older = WriterSchema::parse(SchemaId::new(1), older).unwrap();
    let (envelope, topic) = (envelope("git.tag.created"), TopicName::new("t").unwrap());
    let event =
        recorded(&envelope, Body::Avro { schema: &older, datum: &[2, b'r', 2, b't', 2, b's'] }, &topic);
    let tag: types::git::TagCreated = event.typed().unwrap();
    assert_eq!((tag.sha.as_str(), tag.annotated), ("s", false));
    let error = event.decode::<types::git::BranchUpdated>().unwrap_err().to_string();
    assert!(error.contains("missing field `branch`"), "{error}");
}

#[test]
fn people_see_the_whole_event_as_json() {
    let outgoing = Outgoing::typed(envelope("git.commit.created"), &commit()).unwrap();
    let json = with_recorded(&outgoing, |recorded| recorded.json().unwrap());
    assert_eq!(json["committed_at"], "2026-01-31T08:30:00.123Z");
    assert_eq!(json["authored_at"], "1969-12-31T23:59:59.999Z");
    assert_eq!(json["author_name"], json!(null));
    assert_eq!(json["author_email"], json!({ "sealed": "sealed.v1.k-1.AAAAAAAAAAAAAAAA.-_8" }));
    assert_eq!(json["parents"], json!(["b".repeat(40)]));
    assert_eq!(json["paths_complete"], true);
    assert_eq!(json.as_object().unwrap().len(), 14, "nothing is left out");
}

#[test]
fn an_event_happened_when_its_producer_says_else_when_it_was_recorded() {
    let topic = TopicName::new("t").unwrap();
    let without_time = envelope("a.b");
    let happened_at = recorded(&without_time, Body::Empty, &topic).happened_at();
    assert_eq!(format_timestamp(&happened_at), "2026-02-01T00:00:00.000Z");
    let with_time = envelope("a.b").with_time(parse_timestamp("2020-01-01T00:00:00Z").unwrap());
    let happened_at = recorded(&with_time, Body::Empty, &topic).happened_at();
    assert_eq!(format_timestamp(&happened_at), "2020-01-01T00:00:00.000Z");
}

#[test]
fn json_bodies_and_empty_ones_are_read_too() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        n: i64,
    }
    let (envelope, topic) = (envelope("com.example.thing"), TopicName::new("t").unwrap());
    for body in
        [Body::Json(Cow::Borrowed(r#"{"n":1,"m":2}"#)), Body::Json(Cow::Owned(r#"{"n":1,"m":2}"#.to_owned()))]
    {
        let event = recorded(&envelope, body, &topic);
        assert_eq!(event.decode::<Wanted>(), Ok(Wanted { n: 1 }));
        assert_eq!(event.json().unwrap(), json!({"n": 1, "m": 2}));
    }
    let empty = recorded(&envelope, Body::Empty, &topic);
    assert_eq!(empty.decode::<Wanted>(), Err(DecodeError::NoData));
    assert_eq!(empty.json().unwrap(), json!(null));
    let private = recorded(&envelope, Body::Json(Cow::Borrowed(r#"{"n":"jane@example.org"}"#)), &topic);
    let error = private.decode::<Wanted>().unwrap_err();
    assert!(!error.to_string().contains("jane"), "{error}");
}

#[test]
fn an_outgoing_event_knows_its_topic_and_key() {
    let sent = types::outreach::OutreachSent {
        lead_id: "s".to_owned(),
        outreach_id: "o".to_owned(),
        channel: "email".to_owned(),
    };
    let outgoing = Outgoing::typed(envelope("outreach.sent"), &sent).unwrap();
    assert_eq!((outgoing.topic(), outgoing.key()), ("lead", "s"));
}

#[test]
fn a_record_carries_only_its_own_types() {
    let error = Outgoing::typed(envelope("git.tag.created"), &commit()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "events of the type git.tag.created are not carried by brainops.git.CommitCreated, accepted is \
         brainops.git.TagCreated"
    );
    let error = Outgoing::typed(envelope("com.example.thing"), &commit()).unwrap_err().to_string();
    assert!(error.ends_with("accepted is brainops.agent.Message or brainops.webhook.Received"), "{error}");
    let unknown = Outgoing::encode(envelope("a.b"), "brainops.a.B", &commit()).unwrap_err();
    assert_eq!(unknown, EncodeError::UnknownSchema { name: "brainops.a.B".to_owned() });
}

#[test]
fn messages_and_deliveries_carry_types_without_a_schema() {
    for of_type in ["agent.intent.deploy", "agent.task.x", "ping", "com.example.thing"] {
        let outgoing = Outgoing::message(envelope(of_type), r#"{ "a" : 1 }"#).unwrap();
        assert_eq!(outgoing.topic(), "agent");
        let message: types::agent::Message = with_recorded(&outgoing, |recorded| recorded.decode().unwrap());
        assert_eq!(message.payload, r#"{ "a" : 1 }"#, "kept as it is");
    }
    let refused = Outgoing::message(envelope("agent.task.x"), "{").unwrap_err();
    assert!(matches!(refused, EncodeError::Payload { .. }));
    assert!(Outgoing::message(envelope("lead.won"), "{}").is_err());
    let received = types::webhook::Received {
        provider: "cloudevents".to_owned(),
        delivery_id: "d".to_owned(),
        event: None,
        content_type: "application/json".to_owned(),
        body: None,
    };
    assert_eq!(Outgoing::typed(envelope("com.example.thing"), &received).unwrap().topic(), "webhook");
}

#[test]
fn a_time_that_cannot_be_written_is_refused() {
    let far = chrono::DateTime::from_timestamp(400_000_000_000, 0).unwrap();
    let refused = Outgoing::typed(envelope("git.commit.created").with_time(far), &commit()).unwrap_err();
    assert_eq!(refused, EncodeError::Time);
}

#[test]
fn the_catalog_finds_the_closest_schema_and_the_topic() {
    let catalog = Catalog::builtin();
    let schema_of = |text: &str| catalog.schema_for(&event_type(text)).map(|entry| entry.name.as_str());
    assert_eq!(schema_of("lead.discovered"), Some("brainops.lead.LeadDiscovered"));
    assert_eq!(schema_of("agent.intent.deploy.now"), Some("brainops.agent.Message"));
    assert_eq!(schema_of("agent.intent"), None);
    assert_eq!(schema_of("agent.other.x"), None);
    assert_eq!(schema_of("lead.discovered.twice"), None);
    assert_eq!(catalog.topic_for(&event_type("outreach.sent")), Ok("lead"));
    assert_eq!(catalog.topic_for(&event_type("tool.call.requested")), Ok("tool"));
    let unknown = catalog.topic_for(&event_type("com.example.thing")).unwrap_err();
    assert_eq!(unknown.domain, "com");
    assert_eq!(catalog.topics().len(), 17);
}

#[test]
fn registered_texts_stand_alone_and_keep_docs_and_attributes() {
    for entry in Catalog::builtin().entries() {
        let json: serde_json::Value = serde_json::from_str(entry.text).unwrap();
        assert!(json["doc"].is_string(), "{}", entry.name);
        assert!(
            json["fields"].as_array().unwrap().iter().all(|field| field["doc"].is_string()),
            "{}",
            entry.name
        );
        assert_eq!(json["eventTypes"].as_array().map_or(0, Vec::len), entry.event_types.len());
        assert!(catalog_has_topic(entry.topic), "{}", entry.name);
    }
    let commit = Catalog::builtin().by_name("brainops.git.CommitCreated").unwrap();
    let definition = r#""name":"Sealed","namespace":"brainops.privacy""#;
    assert_eq!(commit.text.matches(definition).count(), 1, "defined where it is first used");
    assert_eq!(commit.text.matches(r#""brainops.privacy.Sealed""#).count(), 2, "and named after that");
    assert!(
        commit
            .text
            .starts_with(r#"{"type":"record","name":"CommitCreated","namespace":"brainops.git","doc":"#)
    );
    let pii: Vec<_> = commit.pii.iter().map(|pii| (pii.field, pii.kind, pii.subject_field)).collect();
    let author = Some("author_id");
    assert_eq!(
        pii,
        [("author_name", "name", author), ("author_email", "email", author), ("message", "message", author)]
    );
}

fn catalog_has_topic(topic: &str) -> bool {
    Catalog::builtin().topics().contains(&topic)
}

#[test]
fn typed_events_know_their_names() {
    assert_eq!(types::lead::LeadDiscovered::EVENT_TYPE, "lead.discovered");
    assert_eq!(types::webhook::Received::SCHEMA, "brainops.webhook.Received");
    let own = Catalog::builtin().schema_for(&event_type(types::git::BranchUpdated::EVENT_TYPE)).unwrap();
    assert_eq!(own.name.as_str(), types::git::BranchUpdated::SCHEMA);
}

/// Old logs are read with it when there is nothing else: see `Registered::from_datum`.
#[test]
fn the_schema_that_tells_of_schemas_never_changes() {
    let entry = Catalog::builtin().by_name("brainops.schema.Registered").unwrap();
    let canonical = concat!(
        r#"{"name":"brainops.schema.Registered","type":"record","fields":["#,
        r#"{"name":"subject","type":"string"},{"name":"schema_id","type":"long"},{"name":"version","type":"int"},"#,
        r#"{"name":"fingerprint","type":"string"},{"name":"text","type":"string"}]}"#
    );
    assert_eq!(entry.avro.canonical_form(), canonical);
}
