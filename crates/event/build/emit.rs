//! Writes the tables that the crate includes.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::read::{SchemaFile, Topics};

/// One public module per domain that re-exports its structs.
pub fn domains(schemas: &[SchemaFile]) -> String {
    let mut by_domain: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for schema in schemas {
        by_domain.entry(&schema.domain).or_default().push(&schema.short_name);
    }
    let mut code = String::new();
    for (domain, names) in by_domain {
        let _ = writeln!(code, "/// The records of the domain `{domain}`.");
        let _ = writeln!(code, "pub mod {domain} {{ pub use super::generated::{{{}}}; }}", names.join(", "));
    }
    code
}

/// `impl TypedEvent` for each record that has exactly one event type of its own.
pub fn typed_events(schemas: &[SchemaFile]) -> String {
    let mut code = String::new();
    for schema in schemas {
        let [event_type] = schema.event_types.as_slice() else { continue };
        if event_type.ends_with('*') {
            continue;
        }
        let _ = writeln!(
            code,
            "impl crate::TypedEvent for generated::{} {{ const SCHEMA: &'static str = {:?}; const EVENT_TYPE: &'static str = {event_type:?}; }}",
            schema.short_name, schema.full_name
        );
    }
    code
}

/// The raw entries behind `Catalog::builtin()`.
pub fn catalog(schemas: &[SchemaFile], topics: &Topics) -> String {
    let mut code = String::from("pub(super) static ENTRIES: &[RawEntry] = &[\n");
    for schema in schemas {
        let pii = schema.pii.iter().map(|(field, kind, subject)| {
            format!("PiiField {{ field: {field:?}, kind: {kind:?}, subject_field: {subject:?} }}")
        });
        let _ = writeln!(
            code,
            "RawEntry {{ name: {:?}, topic: {:?}, event_types: &{:?}, pii: &[{}], text: {:?} }},",
            schema.full_name,
            schema.topic,
            schema.event_types,
            pii.collect::<Vec<_>>().join(", "),
            schema.text
        );
    }
    let _ = writeln!(code, "];\npub(super) static TOPICS: &[&str] = &{:?};", topics.names);
    let domains = topics.domains.iter().collect::<Vec<_>>();
    let _ = writeln!(code, "pub(super) static DOMAINS: &[(&str, &str)] = &{domains:?};");
    code
}
