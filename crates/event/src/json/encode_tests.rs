//! Every Avro type from JSON, read back by another decoder.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::ResolvedSchema;
use apache_avro::types::Value as Avro;
use serde_json::json;

use super::encode::Encoder;
use super::field_error::FieldErrors;
use super::path::Path;
use super::text::read_body;

fn encode(schema: &serde_json::Value, text: &str) -> Result<(Schema, Vec<u8>), FieldErrors> {
    let schema = Schema::parse_str(&schema.to_string()).unwrap();
    let resolved = ResolvedSchema::new(&schema).unwrap();
    let raw = read_body(text.as_bytes())?;
    let mut encoder = Encoder::new(resolved.get_names());
    encoder.value(&schema, raw, &Path::Root("data"));
    let datum = encoder.finish()?;
    Ok((schema, datum))
}

fn check(schema: serde_json::Value, text: &str, expected: Avro) {
    let (parsed, datum) = encode(&schema, text).unwrap_or_else(|error| panic!("{schema} {text}: {error}"));
    let mut rest = datum.as_slice();
    let read = GenericDatumReader::builder(&parsed).build().unwrap().read_value(&mut rest).unwrap();
    assert_eq!(read, expected, "{schema} {text}");
    assert!(rest.is_empty(), "{schema} {text}: bytes are left");
}

fn union(branch: u32, value: Avro) -> Avro {
    Avro::Union(branch, Box::new(value))
}

fn text(text: &str) -> Avro {
    Avro::String(text.to_owned())
}

#[test]
fn every_type_has_a_plain_form() {
    check(json!("null"), "null", Avro::Null);
    check(json!("boolean"), "true", Avro::Boolean(true));
    check(json!("boolean"), "false", Avro::Boolean(false));
    check(json!("int"), "-2147483648", Avro::Int(i32::MIN));
    check(json!("long"), "9223372036854775807", Avro::Long(i64::MAX));
    check(json!("long"), "-0", Avro::Long(0));
    check(json!("float"), "0.1", Avro::Float(0.1));
    check(json!("double"), "0.1", Avro::Double(0.1));
    check(json!("double"), "9007199254740993", Avro::Double(9_007_199_254_740_992.0));
    check(json!("string"), r#""\ud83d\ude00 ä""#, text("😀 ä"));
    check(json!("bytes"), r#""AP8=""#, Avro::Bytes(vec![0, 255]));
    check(json!({"type": "array", "items": "int"}), "[1,2]", Avro::Array(vec![Avro::Int(1), Avro::Int(2)]));
    check(json!({"type": "array", "items": "int"}), "[ ]", Avro::Array(vec![]));
    check(json!({"type": "array", "items": "null"}), "[null]", Avro::Array(vec![Avro::Null]));
    let map = [("a", 1), ("b", 2)].map(|(name, value)| (name.to_owned(), Avro::Long(value)));
    check(json!({"type": "map", "values": "long"}), r#"{"b":2,"a":1}"#, Avro::Map(map.into_iter().collect()));
    let colours = json!({"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]});
    check(colours, r#""BLUE""#, Avro::Enum(1, "BLUE".to_owned()));
    let digest = json!({"type": "fixed", "name": "Digest", "size": 3});
    check(digest, r#""AQID""#, Avro::Fixed(3, vec![1, 2, 3]));
    let millis = json!({"type": "long", "logicalType": "timestamp-millis"});
    check(millis.clone(), r#""1970-01-01T00:00:01.5Z""#, Avro::TimestampMillis(1500));
    check(millis, "-1", Avro::TimestampMillis(-1));
    check(json!({"type": "long", "logicalType": "timestamp-micros"}), "7", Avro::TimestampMicros(7));
    check(json!({"type": "int", "logicalType": "date"}), "20000", Avro::Date(20_000));
}

#[test]
fn unions_take_the_first_branch_that_fits() {
    let nullable = json!(["null", "string"]);
    check(nullable.clone(), "null", union(0, Avro::Null));
    check(nullable, r#""x""#, union(1, text("x")));
    check(json!(["string", "null"]), "null", union(1, Avro::Null));
    let many = json!(["null", "int", "long", "double", "string", {"type": "array", "items": "string"}]);
    check(many.clone(), "1", union(1, Avro::Int(1)));
    check(many.clone(), "3000000000", union(2, Avro::Long(3_000_000_000)));
    check(many.clone(), "0.5", union(3, Avro::Double(0.5)));
    check(many.clone(), r#"["a"]"#, union(5, Avro::Array(vec![text("a")])));
    let faults = encode(&many, "true").unwrap_err().into_vec();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].expected.starts_with("null or integer"), "{}", faults[0]);
    assert_eq!(faults[0].found, "a boolean");
}

#[test]
fn records_nest_refer_and_default() {
    let schema = json!({"type": "record", "name": "Tree", "fields": [
        {"name": "label", "type": "string"},
        {"name": "left", "type": ["null", "Tree"], "default": null},
        {"name": "count", "type": "int", "default": 7},
        {"name": "blob", "type": "bytes", "default": "\u{0}\u{ff}"},
        {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {"a": "b"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}, "default": "B"},
    ]});
    let tree = |label: &str, left: Avro| {
        Avro::Record(vec![
            ("label".to_owned(), text(label)),
            ("left".to_owned(), left),
            ("count".to_owned(), Avro::Int(7)),
            ("blob".to_owned(), Avro::Bytes(vec![0, 255])),
            ("tags".to_owned(), Avro::Map([("a".to_owned(), text("b"))].into())),
            ("kind".to_owned(), Avro::Enum(1, "B".to_owned())),
        ])
    };
    let nested = tree("root", union(1, tree("leaf", union(0, Avro::Null))));
    check(schema.clone(), r#"{"label":"root","left":{"label":"leaf"}}"#, nested);
    let faults = encode(&schema, r#"{"label":"root","left":{"left":{"label":5,"size":1}}}"#).unwrap_err();
    let fields: Vec<&str> = faults.as_slice().iter().map(|fault| &*fault.field).collect();
    assert_eq!(fields, ["data.left.label", "data.left.left.size", "data.left.left.label"]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let digest = json!({"type": "fixed", "name": "Digest", "size": 3});
    let colours = json!({"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]});
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2});
    let map = json!({"type": "map", "values": "int"});
    let cases = [
        (json!("null"), "0"),
        (json!("boolean"), "\"true\""),
        (json!("int"), "2147483648"),
        (json!("int"), "1.0"),
        (json!("int"), "1e2"),
        (json!("long"), "9223372036854775808"),
        (json!("long"), "\"1\""),
        (json!("float"), "3.5e38"),
        (json!("float"), "\"NaN\""),
        (json!("double"), "\"1\""),
        (json!("double"), "null"),
        (json!("string"), "1"),
        (json!("string"), "\"\\u0000\""),
        (json!("bytes"), "\"AP8\""),
        (json!("bytes"), "\"A_8=\""),
        (json!("bytes"), "[0]"),
        (digest.clone(), "\"AQI=\""),
        (digest, "\"\""),
        (colours.clone(), "\"GREEN\""),
        (colours, "0"),
        (map.clone(), "[]"),
        (map.clone(), "{\"a\":null}"),
        (map, "{\"\\u0000\":1}"),
        (json!({"type": "array", "items": "int"}), "{}"),
        (decimal, "1.25"),
    ];
    for (schema, text) in cases {
        let faults = encode(&schema, text).map(|_| ()).expect_err(text);
        assert_eq!(faults.as_slice().len(), 1, "{schema} {text}");
    }
}

#[test]
fn a_long_list_of_faults_is_cut() {
    let items = vec!["\"x\""; 500].join(",");
    let faults = encode(&json!({"type": "array", "items": "int"}), &format!("[{items}]")).unwrap_err();
    assert_eq!(faults.as_slice().len(), 50);
}
