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

/// Whether two texts are the same schema but for spaces and the order of attributes: registries do not all give back
/// the text that they were given.
#[must_use]
pub fn is_same_schema(one: &str, other: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || parsed(one).is_some_and(|one| parsed(other).is_some_and(|other| one == other))
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
