//! What is read of what older and newer programs wrote: by the catalog's schema, after upcasters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use brainops_event::{
    Catalog, CatalogPart, Readers, Reading, ReadingError, SchemaError, SchemaId, Unresolvable, Upcaster,
    UpcasterError, WriterSchema, builtin_upcasters, decode_datum, error_chain,
};
use serde::Deserialize;
use serde_json::json;

const TYPE: &str = "lead.lost";

fn text(version: Option<u32>, fields: serde_json::Value) -> &'static str {
    let mut schema =
        json!({"type": "record", "name": "LeadLost", "namespace": "brainops.lead", "fields": fields});
    if let Some(version) = version {
        schema["eventVersion"] = json!(version);
    }
    schema.to_string().leak()
}

/// Third version: a name in two parts, and a price in cents.
fn third() -> &'static str {
    text(
        Some(3),
        json!([
            {"name": "first", "type": "string"},
            {"name": "last", "type": "string"},
            {"name": "cents", "type": "long"},
            {"name": "reason", "type": ["null", "string"], "default": null},
        ]),
    )
}

fn first() -> WriterSchema {
    let fields = json!([{"name": "name", "type": "string"}, {"name": "euros", "type": "int"}]);
    writer(text(None, fields))
}

fn writer(text: &str) -> WriterSchema {
    WriterSchema::parse(SchemaId::new(7), text).unwrap()
}

fn catalog(text: &'static str) -> &'static Catalog {
    let part = CatalogPart { topic: "lead", event_types: &[TYPE], text };
    Box::leak(Box::new(Catalog::of(&[part]).unwrap()))
}

fn member<'v>(value: &'v mut Value, wanted: &str) -> &'v mut (String, Value) {
    let Value::Record(fields) = value else { panic!("a record") };
    fields.iter_mut().find(|(name, _)| name == wanted).unwrap()
}

fn split_name(mut value: Value) -> Result<Value, String> {
    let (_, Value::String(name)) = member(&mut value, "name").clone() else { panic!("text") };
    let (first, last) = name.split_once(' ').ok_or("the name has one part")?;
    let Value::Record(fields) = &mut value else { panic!("a record") };
    fields.push(("first".to_owned(), Value::from(first)));
    fields.push(("last".to_owned(), Value::from(last)));
    Ok(value)
}

fn to_cents(mut value: Value) -> Result<Value, String> {
    let found = member(&mut value, "euros");
    let Value::Int(euros) = found.1 else { panic!("an int") };
    *found = ("cents".to_owned(), Value::Long(i64::from(euros) * 100));
    Ok(value)
}

fn both() -> Vec<Upcaster> {
    vec![Upcaster::new(TYPE, 2, to_cents), Upcaster::new(TYPE, 1, split_name)]
}

fn datum(schema: &WriterSchema, fields: &[(&str, Value)]) -> Vec<u8> {
    let value =
        Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
    GenericDatumWriter::builder(&schema.avro).build().unwrap().write_value_to_vec(value).unwrap()
}

#[derive(Debug, Deserialize, PartialEq)]
struct Lost {
    first: String,
    last: String,
    cents: i64,
    reason: Option<String>,
}

fn lost(reading: &Reading, datum: &[u8]) -> Lost {
    let read = reading.read(datum).unwrap().unwrap();
    decode_datum(&reading.schema().fast, &read).unwrap()
}

fn reading(readers: &Readers, writer: WriterSchema) -> Result<Reading, Unresolvable> {
    readers.reading(TYPE, &Arc::new(writer))
}

#[test]
fn the_built_in_upcasters_fit_the_catalog() {
    let readers = Readers::new(Catalog::builtin(), builtin_upcasters()).unwrap();
    for entry in readers.catalog().entries() {
        let writer = Arc::new(entry.writer_schema(SchemaId::new(1)).unwrap());
        for event_type in entry.event_types {
            let event_type = event_type.replace('*', "x");
            assert!(readers.reading(&event_type, &writer).unwrap().keeps_bytes(), "{event_type}");
        }
    }
}

#[test]
fn old_data_goes_up_version_by_version_and_then_to_the_readers_schema() {
    let readers = Readers::new(catalog(third()), both()).unwrap();
    let old = first();
    let bytes = datum(&old, &[("name", Value::from("Ada Byron")), ("euros", Value::Int(12))]);
    let reading = reading(&readers, old).unwrap();
    let expected = Lost { first: "Ada".into(), last: "Byron".into(), cents: 1200, reason: None };
    assert_eq!(lost(&reading, &bytes), expected);
    assert_eq!((reading.schema().id, reading.schema().version), (SchemaId::new(7), 3));
}

#[test]
fn data_of_the_readers_version_is_resolved() {
    let readers = Readers::new(catalog(third()), both()).unwrap();
    let other = writer(text(
        Some(3),
        json!([
            {"name": "cents", "type": "int"}, {"name": "last", "type": "string"},
            {"name": "first", "type": "string"}, {"name": "gone", "type": "long"},
        ]),
    ));
    let fields = [
        ("cents", Value::Int(5)),
        ("last", Value::from("B")),
        ("first", Value::from("A")),
        ("gone", Value::Long(1)),
    ];
    let bytes = datum(&other, &fields);
    let expected = Lost { first: "A".into(), last: "B".into(), cents: 5, reason: None };
    assert_eq!(lost(&reading(&readers, other).unwrap(), &bytes), expected);
}

#[test]
fn a_schema_that_differs_only_in_words_keeps_its_bytes() {
    let readers = Readers::new(catalog(third()), both()).unwrap();
    let worded = third().replace("\"name\":\"cents\"", "\"doc\":\"in words\",\"name\":\"cents\"");
    assert_ne!(worded, third());
    let found = reading(&readers, writer(&worded)).unwrap();
    assert!(found.keeps_bytes());
    assert_eq!(&*found.schema().text, third());
    // as a registry gives it back
    let spaced = third().replace(',', ", ");
    let found = reading(&readers, writer(&spaced)).unwrap();
    assert!(found.keeps_bytes());
    assert_eq!(&*found.schema().text, spaced, "the writer's own");
}

#[test]
fn a_record_may_have_had_another_name() {
    let text = r#"{"type": "record", "name": "LeadLost", "namespace": "brainops.lead", "aliases": ["LeadGone", "old.Lost"],
        "fields": [{"name": "first", "type": "string"}]}"#;
    let catalog = catalog(text);
    let (entry, readers) = (&catalog.entries()[0], Readers::new(catalog, []).unwrap());
    for (name, taken) in [
        ("brainops.lead.LeadGone", true),
        ("old.Lost", true),
        ("brainops.lead.LeadLost", true),
        ("other.LeadLost", false),
        ("LeadGone", false),
    ] {
        let former =
            writer(&text.replace("brainops.lead", "x").replace("\"LeadLost\"", &format!("{name:?}")));
        assert_eq!(entry.takes(&former.name), taken, "{name}");
        if taken {
            let bytes = datum(&former, &[("first", Value::from("A"))]);
            assert!(reading(&readers, former).unwrap().read(&bytes).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_newer_version_and_a_schema_that_does_not_resolve_are_refused() {
    let readers = Readers::new(catalog(third()), both()).unwrap();
    let newer = writer(text(Some(4), json!([{"name": "first", "type": "string"}])));
    let told = "it is version 4 of brainops.lead.LeadLost, the newest that is known here is 3";
    assert_eq!(reading(&readers, newer).unwrap_err().reason, told);
    let other = writer(text(Some(3), json!([{"name": "first", "type": "string"}])));
    let told = "field last: the writer has no such field, and the reader has no default for it";
    assert_eq!(reading(&readers, other).unwrap_err().reason, told);
}

#[test]
fn a_type_without_a_schema_is_read_as_written() {
    let readers = Readers::new(catalog(third()), both()).unwrap();
    let foreign = Arc::new(first());
    let reading = readers.reading("org.other", &foreign).unwrap();
    assert!(reading.keeps_bytes());
    assert!(Arc::ptr_eq(reading.schema(), &foreign));
}

#[test]
fn upcasters_that_fail_cost_one_record_and_say_why() {
    let check = |upcaster: Upcaster, expected: &str| {
        let readers = Readers::new(catalog(third()), [Upcaster::new(TYPE, 2, to_cents), upcaster]).unwrap();
        let old = first();
        let bytes = datum(&old, &[("name", Value::from("Ada")), ("euros", Value::Int(12))]);
        let error = reading(&readers, old).unwrap().read(&bytes).unwrap_err();
        assert_eq!(error_chain(&error), expected);
    };
    let told = "the upcaster from version 1 refuses the data: the name has one part";
    check(Upcaster::new(TYPE, 1, split_name), told);
    check(Upcaster::new(TYPE, 1, |_| panic!("Ada")), "the upcaster from version 1 panics");
    let told =
        "what the upcasters make of the data is not of version 3: brainops.lead.LeadLost cannot be resolved";
    check(Upcaster::new(TYPE, 1, Ok), told);
}

#[test]
fn bytes_that_do_not_fit_never_reach_an_upcaster() {
    let upcasters =
        [Upcaster::new(TYPE, 1, |_| panic!("not to be called")), Upcaster::new(TYPE, 2, to_cents)];
    let readers = Readers::new(catalog(third()), upcasters).unwrap();
    let reading = reading(&readers, first()).unwrap();
    for bytes in [&[0xfe, 0xff, 0xff, 0xff, 0x7f][..], &[], &[2, b'a'], &[2, b'a', 2, 2]] {
        assert!(matches!(reading.read(bytes), Err(ReadingError::Transcode(_))), "{bytes:?}");
    }
}

#[test]
fn a_set_of_upcasters_is_checked() {
    let check = |upcasters: Vec<Upcaster>| Readers::new(catalog(third()), upcasters).unwrap_err();
    let pass = |event_type: &str, from| Upcaster::new(event_type, from, Ok);
    let event_type = TYPE.to_owned();
    let missing = UpcasterError::Missing { event_type: event_type.clone(), version: 2, newest: 3 };
    assert_eq!(check(vec![pass(TYPE, 1)]), missing);
    let missing = UpcasterError::Missing { event_type: event_type.clone(), version: 1, newest: 3 };
    assert_eq!(check(vec![pass(TYPE, 2)]), missing);
    let duplicate = UpcasterError::Duplicate { event_type: event_type.clone(), version: 1 };
    assert_eq!(check(vec![pass(TYPE, 1), pass(TYPE, 1)]), duplicate);
    for version in [0, 3] {
        let beyond = UpcasterError::Beyond { event_type: event_type.clone(), version, newest: 3 };
        assert_eq!(check(vec![pass(TYPE, version)]), beyond);
    }
    let unknown = UpcasterError::UnknownType { event_type: "lead.won".to_owned(), version: 1 };
    assert_eq!(check(vec![pass("lead.won", 1)]), unknown);
    assert!(Readers::new(catalog(third()), both()).is_ok());
}

#[test]
fn a_version_is_a_whole_number_from_one() {
    assert_eq!(first().version, 1);
    assert_eq!(writer(third()).version, 3);
    for odd in [json!(0), json!(-1), json!("2"), json!(1.5), json!(5_000_000_000_u64)] {
        let schema = json!({"type": "record", "name": "R", "eventVersion": odd, "fields": []}).to_string();
        let found = WriterSchema::parse(SchemaId::new(1), &schema);
        assert!(matches!(found, Err(SchemaError::Version { .. })), "{odd}");
    }
}
