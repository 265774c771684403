//! Records that other versions of a schema wrote reach readers as data of the catalog's schema.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::sync::Arc;

use brainops_event::types::git::TagCreated;
use brainops_event::{
    AvroValue, Body, Catalog, CatalogPart, Offset, Readers, ReadingError, SchemaId, Upcaster, WriterSchema,
    encode_datum, error_chain, frame,
};
use brainops_log::{Follower, FollowerConfig, Item, PoisonError, Signal};
use common::{Namespace, soon};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};

/// A schema of `brainops.git.TagCreated` that somebody registered once.
struct Writer {
    id: SchemaId,
    schema: WriterSchema,
}

impl Writer {
    /// Registered under a subject of its own, where nothing has to be compatible with it.
    async fn register(space: &Namespace, version: Option<u32>, fields: Value) -> Writer {
        let mut text =
            json!({"type": "record", "name": "TagCreated", "namespace": "brainops.git", "fields": fields});
        if let Some(version) = version {
            text["eventVersion"] = json!(version);
        }
        let text = text.to_string();
        let subject = format!("{}-{}", space.cluster.log_config().prefix, uuid::Uuid::now_v7().simple());
        let id = space.registry.register_text(&subject, &text).await.expect("registered");
        Writer { id, schema: WriterSchema::parse(id, &text).expect("a schema") }
    }

    fn value(&self, data: Value) -> Vec<u8> {
        frame(self.id, &encode_datum(&self.schema.fast, &data).expect("it fits"))
    }
}

async fn send(space: &Namespace, id: &str, value: &[u8]) {
    let producer: FutureProducer = space.raw("appender").create().expect("a client");
    let headers = [
        ("content-type", "application/vnd.confluent.avro"),
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "brainops/test"),
        ("ce_type", "git.tag.created"),
        ("ce_subject", "s"),
    ];
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
    let topic = space.topic("git");
    let record = FutureRecord::to(topic.as_str()).headers(headers).key("s").payload(value);
    producer.send(record, std::time::Duration::from_secs(10)).await.expect("acknowledged");
}

fn told(item: &Item<'_>) -> String {
    match item {
        Item::Event(event) => {
            let Body::Avro { schema, .. } = &event.body else { panic!("{item:?}") };
            let tag: TagCreated = event.typed().expect("decodes");
            let TagCreated { repository, tag, sha, annotated } = tag;
            format!("{} {repository} {tag} {sha} {annotated}", schema.id)
        }
        Item::Poison { error, .. } => error_chain(error),
        other => panic!("{other:?}"),
    }
}

async fn read_all(space: &Namespace) -> Vec<String> {
    let batches = space.read_all(&space.topic("git")).await;
    batches.iter().flat_map(|batch| batch.items()).map(|item| told(&item)).collect()
}

async fn followed(space: &Namespace, count: usize) -> Vec<String> {
    let config = FollowerConfig::new(space.cluster.log_config().prefix.clone(), vec![space.topic("git")]);
    let mut follower = Follower::start(&space.cluster, &space.registry, config).await.expect("starts");
    let mut all = Vec::new();
    while all.len() < count {
        match soon("a batch", follower.next()).await {
            Signal::Assigned(assignment) => {
                let partitions = assignment.partitions().iter();
                let starts = partitions.map(|one| (one.topic.clone(), one.partition, Offset::ZERO)).collect();
                assignment.start(starts);
            }
            Signal::Batch(batch) => all.extend(batch.items().map(|item| told(&item))),
            Signal::Idle(_) | Signal::Revoked(_) => {}
            Signal::Failed(error) => panic!("{error}"),
        }
    }
    all
}

#[tokio::test]
async fn what_an_older_schema_wrote_is_read_as_the_catalogs() {
    Namespace::run("old-writers", 1, |space| async move {
        let text = |name: &str| json!({"name": name, "type": "string"});
        let older = json!([{"name": "sha", "type": "bytes"}, text("gone"), text("tag"), text("repository")]);
        let older = Writer::register(&space, None, older).await;
        let words = json!([text("repository"), text("tag"), text("sha"), {"name": "annotated", "type": "boolean"}]);
        let words = Writer::register(&space, None, words).await;
        let unfit = Writer::register(&space, None, json!([text("repository"), text("tag")])).await;
        let newer = Writer::register(&space, Some(2), json!([text("repository")])).await;

        space.appender().append(common::tag("s", "today")).await.expect("acknowledged");
        let data = json!({"sha": serde_bytes(b"abc"), "gone": "x", "tag": "v1", "repository": "r"});
        send(&space, "older", &older.value(data)).await;
        let data = json!({"repository": "r", "tag": "v2", "sha": "def", "annotated": true});
        send(&space, "words", &words.value(data)).await;
        send(&space, "broken", &frame(older.id, &[2, 0xff, 0, 0, 0])).await;
        send(&space, "unfit", &unfit.value(json!({"repository": "r", "tag": "v3"}))).await;
        send(&space, "newer", &newer.value(json!({"repository": "r"}))).await;

        let today = space.registry.id_for(Catalog::builtin().by_name("brainops.git.TagCreated").expect("ours"));
        let today = today.await.expect("registered");
        let expected = [
            format!("{today} test today {} false", "0".repeat(40)),
            format!("{} r v1 abc false", older.id),
            format!("{} r v2 def true", words.id),
            format!(
                "schema {} (brainops.git.TagCreated) wrote what the reader's schema cannot take: \
                 the data cannot be read: text is not UTF-8",
                older.id
            ),
            format!(
                "the schema {} cannot be used: it cannot be read as brainops.git.TagCreated: field sha: the writer \
                 has no such field, and the reader has no default for it",
                unfit.id
            ),
            format!(
                "the schema {} cannot be used: it cannot be read as brainops.git.TagCreated: it is version 2 of \
                 brainops.git.TagCreated, the newest that is known here is 1",
                newer.id
            ),
        ];
        assert_eq!(read_all(&space).await, expected);
        assert_eq!(followed(&space, expected.len()).await, expected, "a follower sees the same");
    })
    .await;
}

/// Bytes, as JSON gives them to the encoder.
fn serde_bytes(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

/// A later program, whose tags have no `annotated` and a commit in place of a sha.
fn later(upcast: Upcaster) -> Arc<Readers> {
    let text = r#"{"type": "record", "name": "TagCreated", "namespace": "brainops.git", "eventVersion": 2, "fields": [
        {"name": "repository", "type": "string"}, {"name": "tag", "type": "string"},
        {"name": "sha", "type": "string"}, {"name": "annotated", "type": "boolean"}, {"name": "by", "type": ["null", "string"], "default": null}]}"#;
    let part = CatalogPart { topic: "git", event_types: &["git.tag.created"], text };
    let catalog: &'static Catalog = Box::leak(Box::new(Catalog::of(&[part]).expect("a schema")));
    Arc::new(Readers::new(catalog, [upcast]).expect("they fit"))
}

#[tokio::test]
async fn upcasters_are_used_by_every_reader_and_a_failing_one_costs_one_record() {
    Namespace::run("upcasters", 1, |mut space| async move {
        for id in ["1", "2", "3"] {
            space.appender().append(common::tag("s", id)).await.expect("acknowledged");
        }
        let upcaster = Upcaster::new("git.tag.created", 1, |mut value| {
            let AvroValue::Record(fields) = &mut value else {
                return Err("no record".into());
            };
            for (name, value) in fields {
                match value {
                    AvroValue::String(tag) if name == "tag" && tag == "2" => {
                        panic!("a mistake")
                    }
                    AvroValue::String(tag) if name == "tag" => *tag = format!("tag {tag}"),
                    _ => {}
                }
            }
            Ok(value)
        });
        space.registry = space.registry.clone().reading_with(later(upcaster));
        let found = read_all(&space).await;
        assert!(found[0].contains("test tag 1 "), "{found:?}");
        assert!(found[1].ends_with("the upcaster from version 1 panics"), "{found:?}");
        assert!(found[2].contains("test tag 3 "), "{found:?}");
        assert_eq!(followed(&space, 3).await, found);
        let batches = space.read_all(&space.topic("git")).await;
        let item = batches.iter().flat_map(|batch| batch.items()).nth(1);
        let Some(Item::Poison { error: PoisonError::Reading { problem, .. }, .. }) = item else {
            panic!("poison")
        };
        assert_eq!(problem, ReadingError::Panic { version: 1 });
    })
    .await;
}
