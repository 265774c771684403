//! Generates the Rust structs with rsgen-avro.

use std::collections::BTreeMap;
use std::error::Error;

use rsgen_avro::apache_avro::schema::Name;
use rsgen_avro::{FieldOverride, Generator, Schema, Source};
use serde_json::Value;

use crate::read::SchemaFile;

/// The structs of all records in one file; short names are unique over all domains.
pub fn generate(schemas: &[SchemaFile]) -> Result<String, Box<dyn Error>> {
    refuse_equal_short_names(schemas)?;
    let texts = schemas.iter().map(|schema| schema.json.to_string()).collect::<Vec<_>>();
    let parsed = Schema::parse_list(texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let generator =
        Generator::builder().use_chrono_dates(true).override_fields(overrides(schemas)?).build()?;
    let mut code = Vec::new();
    generator.generate(&Source::Schemas(&parsed), &mut code)?;
    Ok(String::from_utf8(code)?)
}

fn refuse_equal_short_names(schemas: &[SchemaFile]) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for schema in schemas {
        if let Some(other) = seen.insert(&schema.short_name, &schema.full_name) {
            return Err(format!("{other} and {} have the same short name", schema.full_name));
        }
    }
    Ok(())
}

/// Maps become ordered ones, so that one value has one encoding; bytes use the module that is not deprecated.
fn overrides(schemas: &[SchemaFile]) -> Result<Vec<FieldOverride>, Box<dyn Error>> {
    let mut overrides = Vec::new();
    for schema in schemas {
        let fields = schema.json.get("fields").and_then(Value::as_array).cloned().unwrap_or_default();
        for field in fields {
            let Some(name) = field.get("name").and_then(Value::as_str) else { continue };
            let has_default = field.get("default").is_some();
            let (type_name, serde_with, default) = match kind_of(&field) {
                Kind::Bytes => ("Vec<u8>", Some("apache_avro::serde::bytes".to_owned()), "Vec::new()"),
                Kind::MapOfStrings => (
                    "::std::collections::BTreeMap<String, String>",
                    None,
                    "::std::collections::BTreeMap::new()",
                ),
                Kind::OtherMap => {
                    return Err(
                        format!("{}.{name}: only maps of strings are generated", schema.full_name).into()
                    );
                }
                Kind::Other => continue,
            };
            overrides.push(FieldOverride {
                schema: Name::new(&schema.full_name)?,
                field: name.to_owned(),
                docstring: None,
                type_name: Some(type_name.to_owned()),
                implements_eq: None,
                serde_with,
                default: has_default.then(|| default.to_owned()),
            });
        }
    }
    Ok(overrides)
}

enum Kind {
    Bytes,
    MapOfStrings,
    OtherMap,
    Other,
}

fn kind_of(field: &Value) -> Kind {
    match field.get("type") {
        Some(Value::String(name)) if name == "bytes" => Kind::Bytes,
        Some(Value::Object(complex)) if complex.get("type").is_some_and(|kind| kind == "map") => {
            match complex.get("values").and_then(Value::as_str) {
                Some("string") => Kind::MapOfStrings,
                _ => Kind::OtherMap,
            }
        }
        _ => Kind::Other,
    }
}
