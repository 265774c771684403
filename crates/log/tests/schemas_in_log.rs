//! History is read with the registry gone: the log tells of its schemas.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use brainops_event::types::git::TagCreated;
use brainops_event::types::schema::Registered;
use brainops_event::{Catalog, SchemaId, TypedEvent};
use brainops_log::{Item, Registry, RegistryError};
use common::{Namespace, tag};

/// Tells of every version of our schemas, as `brainops init` does.
async fn tell(space: &Namespace) {
    let versions = space.registry.versions(Catalog::builtin()).await.expect("listed");
    assert!(versions.len() >= Catalog::builtin().entries().len());
    for version in versions {
        append(space, Registered::new(&version.subject, version.id, version.version, &version.text)).await;
    }
}

async fn append(space: &Namespace, event: Registered) {
    space.appender().append(event.into_outgoing().expect("it fits")).await.expect("acknowledged");
}

fn entry(name: &str) -> &'static brainops_event::SchemaEntry {
    Catalog::builtin().by_name(name).expect("ours")
}

#[tokio::test]
async fn the_log_alone_says_what_was_written() {
    Namespace::run("schemas-in-log", 2, |mut space| async move {
        tell(&space).await;
        space.appender().append(tag("s", "v1")).await.expect("acknowledged");
        let asked = space.registry.clone();
        space.registry = Registry::from_log(&space.cluster);
        for entry in Catalog::builtin().entries() {
            let id = asked.id_for(entry).await.expect("registered");
            assert_eq!(space.registry.id_for(entry).await.expect("told"), id, "{}", entry.name);
            let told = space.registry.writer_schema(id).await.expect("told");
            assert_eq!(told.text, asked.writer_schema(id).await.expect("registered").text);
        }
        for (topic, wanted) in [("git", TagCreated::SCHEMA), ("schema", Registered::SCHEMA)] {
            let batches = space.read_all(&space.topic(topic)).await;
            let items: Vec<Item<'_>> = batches.iter().flat_map(|batch| batch.items()).collect();
            assert!(!items.is_empty());
            for item in items {
                let Item::Event(event) = item else { panic!("{item:?}") };
                let json = event.json().expect("decodes");
                assert!(json.is_object(), "{wanted}: {json}");
            }
        }
        let versions = asked.versions(Catalog::builtin()).await.expect("listed");
        assert_eq!(space.registry.versions(Catalog::builtin()).await.expect("told"), versions);
        // what is appended without a registry is framed like before
        space.appender().append(tag("s", "v2")).await.expect("acknowledged");
        space.registry = asked;
        assert_eq!(
            space.read_all(&space.topic("git")).await.iter().map(|batch| batch.len()).sum::<usize>(),
            2
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_told_later_is_found_and_what_is_not_told_is_unknown() {
    Namespace::run("told-later", 1, |space| async move {
        let told = Registry::from_log(&space.cluster);
        let commit = entry("brainops.git.CommitCreated");
        assert!(matches!(told.id_for(commit).await, Err(RegistryError::NotRegistered { .. })));
        let id = SchemaId::new(4_000_000_000);
        assert!(matches!(told.writer_schema(id).await, Err(RegistryError::UnknownSchema { .. })));
        append(&space, Registered::new(commit.name.as_str(), id, 1, commit.text)).await;
        append(&space, Registered::new(commit.name.as_str(), id, 1, commit.text)).await;
        assert_eq!(told.id_for(commit).await.expect("told"), id);
        assert_eq!(&*told.writer_schema(id).await.expect("told").text, commit.text);
        // the schema of these very events is known though no event tells of it
        let own = space.registry.id_for(entry(Registered::SCHEMA)).await.expect("registered");
        assert_eq!(told.writer_schema(own).await.expect("built in").name.as_str(), Registered::SCHEMA);
    })
    .await;
}

#[tokio::test]
async fn an_id_that_stands_for_two_schemas_is_not_believed() {
    Namespace::run("told-twice", 1, |space| async move {
        let (one, other) = (entry("brainops.git.CommitCreated"), entry("brainops.git.TagCreated"));
        let id = SchemaId::new(4_000_000_000);
        append(&space, Registered::new(one.name.as_str(), id, 1, one.text)).await;
        append(&space, Registered::new(other.name.as_str(), id, 1, other.text)).await;
        let error = Registry::from_log(&space.cluster).writer_schema(id).await.expect_err("two of them");
        let RegistryError::UnusableSchema { reason, .. } = error else { panic!("{error:?}") };
        assert!(reason.contains(one.name.as_str()) && reason.contains(other.name.as_str()), "{reason}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_registered_where_the_log_is_asked() {
    Namespace::run("told-only", 1, |space| async move {
        let told = Registry::from_log(&space.cluster);
        let error = told.register(Catalog::builtin()).await.expect_err("no registry");
        assert!(matches!(error, RegistryError::FromLog { .. }));
        assert!(!error.is_transient());
        let said = "schemas are taken from the log; they can be registered only where the registry is asked";
        assert_eq!(error.to_string(), said);
    })
    .await;
}
