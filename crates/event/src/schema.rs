//! Schemas: their ids, their names, and a writer's schema ready to decode with.

use std::fmt;
use std::sync::Arc;

use apache_avro::schema::RecordSchema;
use serde::{Deserialize, Serialize};

/// The attribute of a schema that says its version.
const VERSION_ATTRIBUTE: &str = "eventVersion";

/// Id that the registry gave a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaId(u32);

impl SchemaId {
    /// Takes the number; the registry uses all of 32 bits.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Full name of a record, such as `brainops.lead.LeadDiscovered`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaName(Arc<str>);

impl SchemaName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The text is no Avro schema.
    #[error("the text is no Avro schema: {reason}")]
    Parse {
        /// What the parser says.
        reason: String,
    },
    /// The schema describes something else than a record.
    #[error("the schema is no record, and events are records")]
    NotARecord,
    /// Its attribute `eventVersion` is no version.
    #[error("the attribute eventVersion is {found}, accepted is a whole number from 1 to 4294967295")]
    Version {
        /// What was found.
        found: String,
    },
}

/// The schema that wrote a value, parsed once and shared.
pub struct WriterSchema {
    /// Its id at the registry.
    pub id: SchemaId,
    /// Full name of its record.
    pub name: SchemaName,
    /// Its version: its attribute `eventVersion`, or 1. Rises only with a change that needs an upcaster.
    pub version: u32,
    /// The text as registered.
    pub text: Arc<str>,
    /// For decoding on the hot path.
    pub fast: serde_avro_fast::Schema,
    /// For walking through, field by field.
    pub avro: apache_avro::Schema,
}

impl WriterSchema {
    /// Parses a schema that stands alone (no references to others).
    ///
    /// # Errors
    /// The text is no Avro schema, or not that of a record.
    pub fn parse(id: SchemaId, text: &str) -> Result<Self, SchemaError> {
        let Parsed { name, version, fast, avro } = Parsed::from_text(text)?;
        Ok(Self { id, name, version, text: text.into(), fast, avro })
    }
}

impl fmt::Debug for WriterSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WriterSchema")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whether two texts are the same schema but for spaces, the order of attributes, and names that are written out or left to
/// the namespace around them: registries do not all give back the text that they were given.
#[must_use]
pub fn is_same_schema(one: &str, other: &str) -> bool {
    let parsed = |text: &str| {
        let mut schema = serde_json::from_str::<serde_json::Value>(text).ok()?;
        write_out(&mut schema, "");
        Some(schema)
    };
    one == other || parsed(one).is_some_and(|one| parsed(other).is_some_and(|other| one == other))
}

/// Writes names of types out, within the namespace around them (Avro 1.12, "Names").
fn write_out(schema: &mut serde_json::Value, around: &str) {
    use serde_json::Value;

    match schema {
        Value::String(name) if !PRIMITIVES.contains(&name.as_str()) => *name = full_name(name, around),
        Value::Array(union) => union.iter_mut().for_each(|one| write_out(one, around)),
        Value::Object(object) => {
            let is_named =
                object.get("type").and_then(Value::as_str).is_some_and(|kind| NAMED.contains(&kind));
            let name = object.get("name").and_then(Value::as_str).filter(|_| is_named);
            let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(around);
            let full = name.map(|name| full_name(name, namespace));
            let within = match &full {
                Some(full) => full.rsplit_once('.').map_or(String::new(), |(within, _)| within.to_owned()),
                None => around.to_owned(),
            };
            if let Some(full) = full {
                object.remove("namespace");
                object.insert("name".to_owned(), Value::String(full));
            } else if let Some(inner) = object.get_mut("type") {
                write_out(inner, &within);
            }
            for key in ["items", "values"] {
                object.get_mut(key).into_iter().for_each(|inner| write_out(inner, &within));
            }
            let fields = object.get_mut("fields").and_then(Value::as_array_mut);
            for field in fields.into_iter().flatten() {
                field.get_mut("type").into_iter().for_each(|inner| write_out(inner, &within));
            }
        }
        _ => {}
    }
}

/// Types of Avro that have no name of their own.
const PRIMITIVES: [&str; 10] =
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string", "array", "map"];
/// Types of Avro that have one.
const NAMED: [&str; 3] = ["record", "enum", "fixed"];

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// What both parsers make of one text.
pub(crate) struct Parsed {
    pub name: SchemaName,
    pub version: u32,
    pub fast: serde_avro_fast::Schema,
    pub avro: apache_avro::Schema,
}

impl Parsed {
    pub(crate) fn from_text(text: &str) -> Result<Self, SchemaError> {
        let unusable = |reason: String| SchemaError::Parse { reason };
        let avro = apache_avro::Schema::parse_str(text).map_err(|error| unusable(error.to_string()))?;
        let fast = text
            .parse()
            .map_err(|error: serde_avro_fast::schema::SchemaError| unusable(error.to_string()))?;
        let apache_avro::Schema::Record(record) = &avro else { return Err(SchemaError::NotARecord) };
        let name = SchemaName(record.name.fullname(None).into());
        let version = version(record)?;
        Ok(Self { name, version, fast, avro })
    }
}

fn version(record: &RecordSchema) -> Result<u32, SchemaError> {
    let Some(attribute) = record.attributes.get(VERSION_ATTRIBUTE) else { return Ok(1) };
    let version = attribute.as_u64().and_then(|version| u32::try_from(version).ok());
    let version = version.filter(|version| *version > 0);
    version.ok_or_else(|| SchemaError::Version { found: attribute.to_string() })
}

#[cfg(test)]
mod tests {
    use super::is_same_schema;

    #[test]
    fn names_may_be_written_out_or_left_to_the_namespace_around_them() {
        let part = |name: &str| {
            format!(r#"{{"type": "record", {name}, "fields": [{{"name": "of", "type": "string"}}]}}"#)
        };
        let whole = |part: &str, again: &str| {
            format!(
                r#"{{"type": "record", "name": "Whole", "namespace": "a.b", "fields": [
                     {{"name": "parts", "type": {{"type": "array", "items": {part}}}, "default": ["Part"]}},
                     {{"name": "one", "type": ["null", {again}]}}]}}"#
            )
        };
        let written = whole(&part(r#""name": "Part", "namespace": "a.b""#), r#""a.b.Part""#);
        let left = whole(&part(r#""name": "Part""#), r#""Part""#);
        assert!(is_same_schema(&written, &left));
        assert!(is_same_schema(&written, &whole(&part(r#""name": "a.b.Part""#), r#""Part""#)));
        for other in [
            whole(&part(r#""name": "Part", "namespace": "a""#), r#""a.Part""#),
            whole(&part(r#""name": "Other""#), r#""Other""#),
            left.replace(r#"["Part"]"#, r#"["a.b.Part"]"#),
        ] {
            assert!(!is_same_schema(&written, &other), "{other}");
        }
        assert!(!is_same_schema("{", "}"));
    }
}
