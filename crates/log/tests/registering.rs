//! Schemas in a real registry: ids that stay, versions that must fit together.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use brainops_event::{Catalog, SchemaId};
use brainops_log::{Registry, RegistryError};

fn record(name: &str, fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "{name}", "namespace": "brainops.test", "fields": [{fields}]}}"#)
}

fn fresh() -> (Registry, String) {
    let registry = Registry::new(common::StackConfig::load().registry).expect("the configuration holds");
    (registry, format!("T{}", uuid::Uuid::now_v7().simple()))
}

#[tokio::test]
async fn ids_stay_the_same() {
    let registry = fresh().0;
    registry.register(Catalog::builtin()).await.expect("registered");
    let entry = &Catalog::builtin().entries()[0];
    let id = registry.id_for(entry).await.expect("registered");

    let another = fresh().0;
    assert_eq!(another.id_for(entry).await.expect("looked up"), id);
    another.register(Catalog::builtin()).await.expect("registered again");
    assert_eq!(another.id_for(entry).await.expect("known"), id);
    let schema = another.writer_schema(id).await.expect("fetched");
    assert_eq!((schema.id, schema.name.as_str()), (id, entry.name.as_str()));
}

#[tokio::test]
async fn every_schema_of_ours_comes_back_as_it_was_registered() {
    let registry = fresh().0;
    registry.register(Catalog::builtin()).await.expect("registered");
    for entry in Catalog::builtin().entries() {
        let id = registry.id_for(entry).await.expect("registered");
        let schema = registry.writer_schema(id).await.expect("fetched");
        assert_eq!(schema.avro, entry.avro, "{}", entry.name);
    }
}

#[tokio::test]
async fn a_schema_may_only_gain_and_lose_what_has_a_default() {
    let (registry, name) = fresh();
    let subject = format!("brainops.test.{name}");
    let one = record(&name, r#"{"name": "a", "type": "string"}"#);
    let first = registry.register_text(&subject, &one).await.expect("the first version");
    let two =
        record(&name, r#"{"name": "a", "type": "string"}, {"name": "b", "type": "long", "default": 0}"#);
    let second = registry.register_text(&subject, &two).await.expect("a field with a default more");
    assert_ne!(first, second);
    assert_eq!(registry.register_text(&subject, &one).await.expect("known"), first);

    for fields in [
        r#"{"name": "a", "type": "string"}, {"name": "b", "type": "long"}"#,
        r#"{"name": "a", "type": "long"}, {"name": "b", "type": "long", "default": 0}"#,
        r#"{"name": "b", "type": "long", "default": 0}"#,
    ] {
        let error = registry.register_text(&subject, &record(&name, fields)).await.expect_err(fields);
        assert!(matches!(error, RegistryError::Incompatible { .. }) && !error.is_transient(), "{error}");
        let message = error.to_string();
        assert!(message.contains(&subject) && message.contains("FULL_TRANSITIVE"), "{message}");
        assert!(message.contains("fields"), "it says which: {message}");
    }
}

#[tokio::test]
async fn compatibility_reaches_back_to_the_first_version() {
    let (registry, name) = fresh();
    let subject = format!("brainops.test.{name}");
    let a = r#"{"name": "a", "type": "string"}"#;
    let versions = [format!(r#"{a}, {{"name": "b", "type": "long", "default": 0}}"#), a.to_owned()];
    for fields in &versions {
        registry.register_text(&subject, &record(&name, fields)).await.expect("compatible");
    }
    // fits the second version, which has no b, but not the first
    let third = record(&name, &format!(r#"{a}, {{"name": "b", "type": "string", "default": ""}}"#));
    let error = registry.register_text(&subject, &third).await.expect_err("b was a long once");
    assert!(matches!(error, RegistryError::Incompatible { .. }), "{error}");
}

#[tokio::test]
async fn an_id_that_nobody_registered_is_definitely_unknown() {
    let registry = fresh().0;
    let error = registry.writer_schema(SchemaId::new(2_000_000_000)).await.expect_err("nobody's");
    assert!(matches!(error, RegistryError::UnknownSchema { .. }), "{error}");
}

#[tokio::test]
async fn many_may_register_the_same_at_once() {
    let name = fresh().1;
    let subject = format!("brainops.test.{name}");
    let text = record(&name, r#"{"name": "a", "type": "string"}"#);
    let register = |_| {
        let (registry, subject, text) = (fresh().0, subject.clone(), text.clone());
        async move { registry.register_text(&subject, &text).await.expect("registered by somebody") }
    };
    let ids = futures::future::join_all((0..8).map(register)).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
