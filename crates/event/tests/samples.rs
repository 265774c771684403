//! Every form of data that was ever released is read by this program, and means what it has always meant.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brainops_event::{Catalog, Readers, SchemaId, WriterSchema, datum_json};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How to keep a sample.
const COMMAND: &str = "cargo run -p brainops-event --example sample";

/// A form of data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    event_type: String,
    /// The schema that wrote it, as it was registered.
    schema: String,
    /// Avro, base64.
    datum: String,
    /// What every later program must make of it: of the fields that were there then.
    means: Map<String, Value>,
}

fn samples() -> Vec<(PathBuf, Sample)> {
    let mut samples = Vec::new();
    let folder = Path::new("../../schemas/samples");
    for domain in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(domain.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let sample = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            samples
                .push((path.clone(), sample.unwrap_or_else(|error| panic!("{}: {error}", path.display()))));
        }
    }
    samples
}

#[test]
fn every_form_of_data_means_what_it_has_always_meant() {
    for (path, sample) in samples() {
        let path = path.display();
        let writer = Arc::new(WriterSchema::parse(SchemaId::new(1), &sample.schema).unwrap());
        let datum = STANDARD.decode(&sample.datum).unwrap();
        let reading = Readers::builtin().reading(&sample.event_type, &writer);
        let reading = reading.unwrap_or_else(|error| panic!("{path}: {error}"));
        let read = reading.read(&datum).unwrap_or_else(|error| panic!("{path}: {error}"));
        let found = datum_json(reading.schema(), read.as_deref().unwrap_or(&datum));
        let Value::Object(found) = found.unwrap_or_else(|error| panic!("{path}: {error}")) else {
            panic!("{path}: no object")
        };
        for (field, meaning) in &sample.means {
            assert_eq!(found.get(field), Some(meaning), "{path}: {field}");
        }
        let apache_avro::Schema::Record(written) = &writer.avro else { panic!("{path}: no record") };
        for field in found.keys().filter(|field| !sample.means.contains_key(*field)) {
            let was_there = written.fields.iter().any(|written| written.name == *field);
            assert!(!was_there, "{path}: {field} was there then, and the sample does not say what it means");
        }
    }
}

#[test]
fn every_schema_has_a_sample_of_its_present_form() {
    let samples = samples();
    for entry in Catalog::builtin().entries().iter().filter(|entry| !entry.event_types.is_empty()) {
        let has_one = samples.iter().any(|(_, sample)| sample.schema == entry.text);
        assert!(has_one, "{} has no sample of its present form; `{COMMAND}` keeps one", entry.name);
    }
}
