//! Keeps a sample of each schema that is about to be released: `cargo run -p brainops-event --example sample`.
//!
//! Writes `schemas/samples/<domain>/<event>.v<number>.json` for each schema of `schemas/` of whose present text there is
//! none; samples that are there are never touched. The data is made up from the schema; put better in its place by hand,
//! if need be, before the schema is released.

#![allow(clippy::print_stdout, reason = "it says what it has written")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::schema::{NamesRef, ResolvedSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brainops_event::{Catalog, SchemaEntry, SchemaId, datum_json};
use serde_json::json;

/// How deep a record that holds itself is filled.
const MAX_DEPTH: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("start it by `cargo run`")?;
    let folder = Path::new(&package).join("../../schemas/samples");
    for entry in Catalog::builtin().entries().iter().filter(|entry| !entry.event_types.is_empty()) {
        let name = file_name(entry)?;
        let mut number = 1;
        let path = loop {
            let path = folder.join(format!("{name}.v{number}.json"));
            if !path.exists() {
                break Some(path);
            }
            if is_of(&path, entry)? {
                break None;
            }
            number += 1;
        };
        if let Some(path) = path {
            write(&path, entry)?;
            println!("{name}.v{number}.json");
        }
    }
    Ok(())
}

/// `lead/lead_lost` of `brainops.lead.LeadLost`.
fn file_name(entry: &SchemaEntry) -> Result<String, Box<dyn Error>> {
    let mut words = entry.name.as_str().split('.').skip(1);
    let (Some(domain), Some(event)) = (words.next(), words.next()) else {
        return Err(format!("{} is not of the form brainops.<domain>.<Event>", entry.name).into());
    };
    let mut file = String::new();
    for (place, letter) in event.chars().enumerate() {
        if letter.is_ascii_uppercase() && place > 0 {
            file.push('_');
        }
        file.push(letter.to_ascii_lowercase());
    }
    Ok(format!("{domain}/{file}"))
}

fn is_of(path: &PathBuf, entry: &SchemaEntry) -> Result<bool, Box<dyn Error>> {
    let sample: serde_json::Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    Ok(sample["schema"] == entry.text)
}

fn write(path: &Path, entry: &SchemaEntry) -> Result<(), Box<dyn Error>> {
    let resolved = ResolvedSchema::new(&entry.avro)?;
    let value = made_up(&entry.avro, resolved.get_names(), "data", 0)?;
    let datum = GenericDatumWriter::builder(&entry.avro).build()?.write_value_to_vec(value)?;
    let sample = json!({
        "event_type": entry.event_types.first().map(|pattern| pattern.replace('*', "sample")),
        "schema": entry.text,
        "datum": STANDARD.encode(&datum),
        "means": datum_json(&entry.writer_schema(SchemaId::new(1))?, &datum)?,
    });
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, format!("{}\n", serde_json::to_string_pretty(&sample)?))?;
    Ok(())
}

/// Some data of a schema, with nothing left out that may be there.
fn made_up(schema: &Schema, names: &NamesRef<'_>, field: &str, depth: usize) -> Result<Value, String> {
    Ok(match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(true),
        Schema::Int => Value::Int(42),
        Schema::Long => Value::Long(5_000_000_000),
        Schema::Float => Value::Float(0.5),
        Schema::Double => Value::Double(0.125),
        Schema::Bytes => Value::Bytes(vec![1, 2, 3]),
        Schema::String => Value::String(format!("a text of {field}")),
        Schema::TimestampMillis => Value::TimestampMillis(1_790_000_000_123),
        Schema::Fixed(fixed) => Value::Fixed(fixed.size, vec![7; fixed.size]),
        Schema::Enum(symbols) => {
            let symbol = symbols.symbols.first().ok_or("an enum without symbols")?;
            Value::Enum(0, symbol.clone())
        }
        Schema::Array(array) => {
            let item = made_up(&array.items, names, field, depth + 1)?;
            Value::Array(vec![item.clone(), item])
        }
        Schema::Map(map) => {
            let value = made_up(&map.types, names, field, depth + 1)?;
            Value::Map([("key".to_owned(), value)].into())
        }
        Schema::Union(union) => {
            let mut branches = union.variants().iter().enumerate();
            let branch = branches.find(|(_, branch)| **branch != Schema::Null && depth < MAX_DEPTH);
            match branch {
                Some((index, branch)) => {
                    Value::Union(index as u32, Box::new(made_up(branch, names, field, depth + 1)?))
                }
                None => Value::Union(0, Box::new(Value::Null)),
            }
        }
        Schema::Record(record) => {
            let mut fields = Vec::new();
            for field in &record.fields {
                fields.push((field.name.clone(), made_up(&field.schema, names, &field.name, depth + 1)?));
            }
            Value::Record(fields)
        }
        Schema::Ref { name } => {
            let named = names.get(name).ok_or_else(|| format!("the name {name:?} is not defined"))?;
            made_up(named, names, field, depth + 1)?
        }
        other => return Err(format!("nothing is made up for {other} yet")),
    })
}
