//! The JSON of the registry's API, as much of it as we use.
use serde::{Deserialize, Serialize};

use super::RegistryError;

#[derive(Serialize)]
pub(super) struct NewSchema<'a> {
    schema: &'a str,
    #[serde(rename = "schemaType")]
    schema_type: &'static str,
}

impl<'a> NewSchema<'a> {
    pub(super) fn avro(schema: &'a str) -> NewSchema<'a> {
        NewSchema { schema, schema_type: "AVRO" }
    }
}

#[derive(Deserialize)]
pub(super) struct RegisteredId {
    pub(super) id: u32,
}

#[derive(Deserialize)]
pub(super) struct SchemaText {
    pub(super) schema: String,
    /// Absent for Avro.
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<serde::de::IgnoredAny>>,
}

impl SchemaText {
    pub(super) fn check_usable(&self, reference: &str) -> Result<(), RegistryError> {
        let unusable =
            |reason: String| Err(RegistryError::UnusableSchema { reference: reference.to_owned(), reason });
        match self.schema_type.as_deref() {
            None | Some("AVRO") => {}
            Some(other) => return unusable(format!("it is {other}, accepted is AVRO")),
        }
        match self.references.as_ref().map_or(0, Vec::len) {
            0 => Ok(()),
            count => unusable(format!("it refers to {count} others, accepted is text that stands alone")),
        }
    }
}

/// A version of a subject.
#[derive(Deserialize)]
pub(super) struct VersionText {
    pub(super) id: u32,
    pub(super) version: i32,
    pub(super) schema: String,
}

/// The level of compatibility of a subject; the API spells its name in two ways.
#[derive(Serialize, Deserialize)]
pub(super) struct Level {
    #[serde(rename = "compatibility", alias = "compatibilityLevel")]
    level: String,
}

impl Level {
    pub(super) fn new(level: &str) -> Level {
        Level { level: level.to_owned() }
    }

    pub(super) fn is(&self, level: &str) -> bool {
        self.level == level
    }
}

#[derive(Deserialize)]
pub(super) struct Compatibility {
    pub(super) is_compatible: bool,
    #[serde(default)]
    pub(super) messages: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Complaint {
    pub(super) message: String,
}
