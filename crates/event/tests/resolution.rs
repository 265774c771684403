//! Avro's schema resolution, rule by rule; and what bytes that do not fit come to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use brainops_event::{Resolution, TranscodeError};
use serde_json::json;

fn schema(json: serde_json::Value) -> Schema {
    Schema::parse_str(&json.to_string()).unwrap()
}

/// A record `Test` with these fields.
fn record(fields: serde_json::Value) -> Schema {
    schema(json!({"type": "record", "name": "Test", "namespace": "a.b", "fields": fields}))
}

/// A record with one field `a` of a type.
fn of(kind: serde_json::Value) -> Schema {
    record(json!([{"name": "a", "type": kind}]))
}

fn fields(fields: &[(&str, Value)]) -> Value {
    Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn encode(schema: &Schema, value: Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

fn decode(schema: &Schema, datum: &[u8]) -> Value {
    GenericDatumReader::builder(schema).build().unwrap().read_value(&mut &*datum).unwrap()
}

fn read(writer: &Schema, reader: &Schema, value: Value) -> Result<Value, TranscodeError> {
    let datum = encode(writer, value);
    let datum = Resolution::new(writer, reader).unwrap().transcode(&datum)?;
    Ok(decode(reader, &datum))
}

fn theirs(writer: &Schema, reader: &Schema, value: Value) -> Result<Value, apache_avro::Error> {
    let datum = encode(writer, value);
    let reading = GenericDatumReader::builder(writer).reader_schema(reader).build()?;
    reading.read_value(&mut datum.as_slice())
}

/// What a value in the field `a` becomes, which must be what apache-avro makes of it.
fn check(writer: serde_json::Value, value: Value, reader: serde_json::Value, expected: Value) {
    let (writer, reader) = (of(writer), of(reader));
    let value = fields(&[("a", value)]);
    let expected = fields(&[("a", expected)]);
    assert_eq!(read(&writer, &reader, value.clone()).unwrap(), expected);
    assert_eq!(theirs(&writer, &reader, value).unwrap(), expected, "as apache-avro has it");
}

fn refused(writer: serde_json::Value, reader: serde_json::Value) -> String {
    Resolution::new(&of(writer), &of(reader)).unwrap_err().reason
}

#[test]
fn numbers_are_widened() {
    check(json!("int"), Value::Int(-7), json!("long"), Value::Long(-7));
    check(json!("int"), Value::Int(-7), json!("float"), Value::Float(-7.0));
    check(json!("int"), Value::Int(i32::MAX), json!("double"), Value::Double(2_147_483_647.0));
    check(json!("long"), Value::Long(i64::MAX), json!("float"), Value::Float(i64::MAX as f32));
    check(json!("long"), Value::Long(1 << 53), json!("double"), Value::Double(9_007_199_254_740_992.0));
    check(json!("float"), Value::Float(0.1), json!("double"), Value::Double(f64::from(0.1_f32)));
}

#[test]
fn numbers_are_not_narrowed() {
    assert_eq!(refused(json!("long"), json!("int")), "field a: the writer has long, the reader has int");
    assert_eq!(
        refused(json!("double"), json!("float")),
        "field a: the writer has double, the reader has float"
    );
    assert_eq!(refused(json!("float"), json!("long")), "field a: the writer has float, the reader has long");
    // apache-avro looks at the value, and narrows what fits
    let (writer, reader) = (of(json!("long")), of(json!("int")));
    assert!(theirs(&writer, &reader, fields(&[("a", Value::Long(1))])).is_ok());
    let (writer, reader) = (of(json!("double")), of(json!("float")));
    assert!(theirs(&writer, &reader, fields(&[("a", Value::Double(0.1))])).is_ok());
}

#[test]
fn text_and_bytes_stand_for_each_other() {
    check(json!("string"), Value::from("grün"), json!("bytes"), Value::Bytes("grün".into()));
    check(json!("bytes"), Value::Bytes("grün".into()), json!("string"), Value::from("grün"));
    let not_text = fields(&[("a", Value::Bytes(vec![0xff]))]);
    let found = read(&of(json!("bytes")), &of(json!("string")), not_text);
    assert_eq!(found, Err(TranscodeError::NotText));
}

#[test]
fn fields_go_by_name_whatever_their_order() {
    let writer = record(json!([
        {"name": "a", "type": "int"}, {"name": "b", "type": "string"}, {"name": "c", "type": "long"}
    ]));
    let reader = record(json!([
        {"name": "c", "type": "long"}, {"name": "d", "type": "string", "default": "new"}, {"name": "a", "type": "long"}
    ]));
    let value = fields(&[("a", Value::Int(1)), ("b", Value::from("gone")), ("c", Value::Long(3))]);
    let expected = fields(&[("c", Value::Long(3)), ("d", Value::from("new")), ("a", Value::Long(1))]);
    assert_eq!(read(&writer, &reader, value.clone()).unwrap(), expected);
    assert_eq!(theirs(&writer, &reader, value).unwrap(), expected);
}

#[test]
fn what_the_writer_lacks_is_the_default() {
    let nested = json!({"type": "record", "name": "In", "fields": [
        {"name": "x", "type": "int"}, {"name": "y", "type": {"type": "array", "items": "string"}}
    ]});
    let reader = record(json!([
        {"name": "n", "type": ["null", "string"], "default": null},
        {"name": "s", "type": ["string", "null"], "default": "here"},
        {"name": "a", "type": "int"},
        {"name": "f", "type": "float", "default": 1},
        {"name": "d", "type": "double", "default": 0.5},
        {"name": "l", "type": "long", "default": -3},
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 7},
        {"name": "b", "type": "boolean", "default": true},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["P", "Q"]}, "default": "Q"},
        {"name": "m", "type": {"type": "map", "values": "int"}, "default": {"k": 5}},
        {"name": "r", "type": nested, "default": {"x": 4, "y": ["p", "q"]}},
    ]));
    let writer = of(json!("int"));
    let value = fields(&[("a", Value::Int(1))]);
    let ours = read(&writer, &reader, value.clone()).unwrap();
    assert_eq!(ours, theirs(&writer, &reader, value).unwrap());
    let Value::Record(found) = ours else { panic!("a record") };
    assert_eq!(found[1].1, Value::Union(0, Box::new(Value::from("here"))));
    assert_eq!(found[8].1, Value::Enum(1, "Q".to_owned()));
}

#[test]
fn what_the_writer_lacks_must_have_a_default() {
    let reader = record(json!([{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]));
    let flaw = Resolution::new(&of(json!("int")), &reader).unwrap_err();
    assert_eq!(flaw.reason, "field b: the writer has no such field, and the reader has no default for it");
}

#[test]
fn a_default_of_bytes_is_a_string_of_their_numbers() {
    let fixed = json!({"type": "fixed", "name": "F", "size": 2});
    let reader = record(json!([
        {"name": "a", "type": "int"},
        {"name": "b", "type": "bytes", "default": "\u{00ff}a"},
        {"name": "f", "type": fixed, "default": "ab"},
    ]));
    let (writer, value) = (of(json!("int")), fields(&[("a", Value::Int(1))]));
    let expected = |bytes: &[u8]| {
        fields(&[
            ("a", Value::Int(1)),
            ("b", Value::Bytes(bytes.to_vec())),
            ("f", Value::Fixed(2, b"ab".to_vec())),
        ])
    };
    assert_eq!(read(&writer, &reader, value.clone()).unwrap(), expected(&[0xff, b'a']));
    // apache-avro takes the string's UTF-8, which the specification does not say
    assert_eq!(theirs(&writer, &reader, value).unwrap(), expected("\u{00ff}a".as_bytes()));
}

#[test]
fn a_default_may_be_of_any_branch_of_a_union() {
    let reader = record(json!([
        {"name": "a", "type": "int"}, {"name": "b", "type": ["null", "string"], "default": "text"}
    ]));
    let (writer, value) = (of(json!("int")), fields(&[("a", Value::Int(1))]));
    let with = |b: Value| fields(&[("a", Value::Int(1)), ("b", b)]);
    let ours = read(&writer, &reader, value.clone()).unwrap();
    assert_eq!(ours, with(Value::Union(1, Box::new(Value::from("text")))));
    // apache-avro takes null without a look at the default, where null is the first branch
    assert_eq!(theirs(&writer, &reader, value).unwrap(), with(Value::Union(0, Box::new(Value::Null))));
}

#[test]
fn a_field_is_found_under_its_former_name() {
    let writer = record(json!([{"name": "old", "type": "int"}, {"name": "other", "type": "int"}]));
    let reader = record(json!([
        {"name": "new", "type": "long", "aliases": ["older", "old"], "default": 9},
        {"name": "again", "type": "long", "aliases": ["old"], "default": 8},
        {"name": "other", "type": "int"},
    ]));
    let value = fields(&[("old", Value::Int(1)), ("other", Value::Int(2))]);
    let with =
        |new: i64| fields(&[("new", Value::Long(new)), ("again", Value::Long(8)), ("other", Value::Int(2))]);
    assert_eq!(read(&writer, &reader, value.clone()).unwrap(), with(1));
    // apache-avro does not look at aliases of fields when it resolves
    assert_eq!(theirs(&writer, &reader, value).unwrap(), with(9));
}

#[test]
fn a_field_of_the_name_goes_before_one_of_an_alias() {
    let writer = record(json!([{"name": "old", "type": "int"}, {"name": "new", "type": "int"}]));
    let reader = record(json!([{"name": "new", "type": "int", "aliases": ["old"]}]));
    let value = fields(&[("old", Value::Int(1)), ("new", Value::Int(2))]);
    assert_eq!(read(&writer, &reader, value).unwrap(), fields(&[("new", Value::Int(2))]));
}

#[test]
fn symbols_go_by_name_and_else_to_the_default() {
    let writer = json!({"type": "enum", "name": "E", "symbols": ["A", "B", "C"]});
    let reader = json!({"type": "enum", "name": "E", "symbols": ["Z", "C", "A"], "default": "Z"});
    for (index, symbol, at, expected) in [(0, "A", 2, "A"), (1, "B", 0, "Z"), (2, "C", 1, "C")] {
        let value = Value::Enum(index, symbol.to_owned());
        check(writer.clone(), value, reader.clone(), Value::Enum(at, expected.to_owned()));
    }
    let without = json!({"type": "enum", "name": "E", "symbols": ["A"]});
    let known = fields(&[("a", Value::Enum(0, "A".to_owned()))]);
    assert!(read(&of(writer.clone()), &of(without.clone()), known).is_ok());
    let unknown = fields(&[("a", Value::Enum(1, "B".to_owned()))]);
    let error = read(&of(writer), &of(without), unknown).unwrap_err();
    let told = "the reader's schema has no place for this value: a.b.E has no symbol B and no default";
    assert_eq!(error.to_string(), told);
}

#[test]
fn a_value_finds_its_place_in_a_union() {
    let in_union = |index, value: Value| Value::Union(index, Box::new(value));
    check(json!("int"), Value::Int(1), json!(["null", "int"]), in_union(1, Value::Int(1)));
    check(json!("int"), Value::Int(1), json!(["string", "double", "long"]), in_union(1, Value::Double(1.0)));
    check(json!("long"), Value::Long(1), json!(["double", "long"]), in_union(1, Value::Long(1)));
    check(
        json!("bytes"),
        Value::Bytes(b"x".to_vec()),
        json!(["null", "string"]),
        in_union(1, Value::from("x")),
    );
    let two = json!(["null", "int", "string"]);
    check(
        two.clone(),
        in_union(2, Value::from("x")),
        json!(["string", "long", "null"]),
        in_union(0, Value::from("x")),
    );
    check(
        two.clone(),
        in_union(1, Value::Int(5)),
        json!(["string", "long", "null"]),
        in_union(1, Value::Long(5)),
    );
    check(two, in_union(0, Value::Null), json!(["string", "long", "null"]), in_union(2, Value::Null));
    assert_eq!(
        refused(json!("int"), json!(["null", "string"])),
        "field a: the writer has int, the reader has union"
    );
}

#[test]
fn a_branch_that_fits_nowhere_is_wrong_only_when_it_is_taken() {
    let (writer, reader) = (of(json!(["null", "string"])), of(json!("string")));
    let with = |index, value: Value| fields(&[("a", Value::Union(index, Box::new(value)))]);
    let expected = fields(&[("a", Value::from("x"))]);
    assert_eq!(read(&writer, &reader, with(1, Value::from("x"))).unwrap(), expected);
    let error = read(&writer, &reader, with(0, Value::Null)).unwrap_err();
    let told = "the reader's schema has no place for this value: field a: the writer has null, the reader has string";
    assert_eq!(error.to_string(), told);
    assert!(theirs(&writer, &reader, with(0, Value::Null)).is_err());
    assert_eq!(
        refused(json!(["null", "int"]), json!("string")),
        "field a: the writer has null, the reader has string"
    );
}

#[test]
fn a_record_in_a_union_goes_to_the_one_of_its_name() {
    let first = json!({"type": "record", "name": "First", "fields": [{"name": "x", "type": "int"}]});
    let second = json!({"type": "record", "name": "Second", "fields": [{"name": "x", "type": "int"}]});
    let (writer, reader) = (of(second.clone()), of(json!([first, second])));
    let value = fields(&[("a", fields(&[("x", Value::Int(1))]))]);
    let in_branch = |index| fields(&[("a", Value::Union(index, Box::new(fields(&[("x", Value::Int(1))]))))]);
    assert_eq!(read(&writer, &reader, value.clone()).unwrap(), in_branch(1));
    // apache-avro has forgotten the name by then, and takes the first record whose fields it can fill
    assert_eq!(theirs(&writer, &reader, value).unwrap(), in_branch(0));
}

#[test]
fn names_must_be_the_same_or_aliases() {
    let fixed = |name: &str| json!({"type": "fixed", "name": name, "size": 2});
    let value = Value::Fixed(2, vec![1, 2]);
    check(fixed("one.F"), value.clone(), fixed("other.F"), value.clone());
    let told = "field a: the writer has fixed a.b.F of 2 bytes, the reader has fixed a.b.G of 2 bytes";
    assert_eq!(refused(fixed("F"), fixed("G")), told);
    // apache-avro does not compare names
    let (writer, reader) = (of(fixed("F")), of(fixed("G")));
    assert!(theirs(&writer, &reader, fields(&[("a", value.clone())])).is_ok());
    let renamed = json!({"type": "fixed", "name": "G", "aliases": ["F"], "size": 2});
    check(fixed("F"), value, renamed, Value::Fixed(2, vec![1, 2]));
    let longer = json!({"type": "fixed", "name": "F", "size": 3});
    assert!(refused(fixed("F"), longer).contains("of 3 bytes"));
}

#[test]
fn logical_types_are_what_they_are_made_of() {
    let millis = json!({"type": "long", "logicalType": "timestamp-millis"});
    check(json!("long"), Value::Long(5), millis.clone(), Value::TimestampMillis(5));
    check(json!("int"), Value::Int(5), millis.clone(), Value::TimestampMillis(5));
    let date = json!({"type": "int", "logicalType": "date"});
    check(json!("int"), Value::Int(5), date.clone(), Value::Date(5));
    let value = fields(&[("a", Value::TimestampMillis(5))]);
    let (writer, reader) = (of(millis), of(json!("long")));
    assert_eq!(read(&writer, &reader, value.clone()).unwrap(), fields(&[("a", Value::Long(5))]));
    // apache-avro does not take a logical type off
    assert!(theirs(&writer, &reader, value).is_err());
    let (writer, reader) = (of(date), of(json!("double")));
    let value = fields(&[("a", Value::Date(5))]);
    assert_eq!(read(&writer, &reader, value).unwrap(), fields(&[("a", Value::Double(5.0))]));
}

#[test]
fn lists_and_maps_are_resolved_item_by_item() {
    let items = |kind: &str| json!({"type": "array", "items": kind});
    let (ints, longs) = (vec![Value::Int(1), Value::Int(2)], vec![Value::Long(1), Value::Long(2)]);
    check(items("int"), Value::Array(ints), items("long"), Value::Array(longs));
    check(items("int"), Value::Array(Vec::new()), items("long"), Value::Array(Vec::new()));
    let values = |kind: &str| json!({"type": "map", "values": kind});
    let map = |value: Value| Value::Map([("k".to_owned(), value)].into());
    check(values("int"), map(Value::Int(1)), values("double"), map(Value::Double(1.0)));
    assert!(refused(items("string"), items("int")).starts_with("field a:"));
}

#[test]
fn blocks_with_their_length_are_read() {
    let items = |kind: &str| of(json!({"type": "array", "items": kind}));
    // two blocks, the first with its length in bytes: -2, 2 bytes, 1, 2; 1, 3; end
    let datum = [3, 4, 2, 4, 2, 6, 0];
    let found = Resolution::new(&items("int"), &items("long")).unwrap().transcode(&datum).unwrap();
    let reader = items("long");
    let expected = Value::Array(vec![Value::Long(1), Value::Long(2), Value::Long(3)]);
    assert_eq!(decode(&reader, &found), fields(&[("a", expected)]));
}

#[test]
fn a_record_may_hold_itself() {
    let tree = |kind: &str| {
        record(json!([
            {"name": "v", "type": kind},
            {"name": "next", "type": ["null", "Test"]},
            {"name": "kids", "type": {"type": "array", "items": "a.b.Test"}},
        ]))
    };
    let leaf = |value: Value, next: Value, kids: Vec<Value>| {
        fields(&[("v", value), ("next", next), ("kids", Value::Array(kids))])
    };
    let of_kind = |number: fn(i32) -> Value| {
        let end = || Value::Union(0, Box::new(Value::Null));
        let inner = leaf(number(2), end(), vec![leaf(number(3), end(), vec![])]);
        leaf(number(1), Value::Union(1, Box::new(inner)), vec![])
    };
    let (writer, reader) = (tree("int"), tree("long"));
    let expected = of_kind(|number| Value::Long(number.into()));
    assert_eq!(read(&writer, &reader, of_kind(Value::Int)).unwrap(), expected);
    assert!(Resolution::new(&writer, &tree("string")).is_err());
}

mod hostile {
    use super::*;

    fn transcode(kind: serde_json::Value, datum: &[u8]) -> TranscodeError {
        Resolution::new(&of(kind.clone()), &of(kind)).unwrap().transcode(datum).unwrap_err()
    }

    #[test]
    fn bytes_that_break_off_or_go_on() {
        assert_eq!(transcode(json!("long"), &[]), TranscodeError::BreaksOff);
        assert_eq!(transcode(json!("long"), &[0x80]), TranscodeError::BreaksOff);
        assert_eq!(transcode(json!("double"), &[0; 7]), TranscodeError::BreaksOff);
        assert_eq!(transcode(json!("string"), &[8, b'a']), TranscodeError::BreaksOff);
        assert_eq!(transcode(json!("int"), &[2, 2, 2]), TranscodeError::Trailing { bytes: 2 });
    }

    #[test]
    fn numbers_that_no_type_has() {
        assert_eq!(transcode(json!("long"), &[0xff; 11]), TranscodeError::LongNumber);
        let too_big = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(transcode(json!("long"), &too_big), TranscodeError::LongNumber);
        let number = |error| matches!(error, TranscodeError::Number { .. });
        assert!(number(transcode(json!("int"), &[0x80, 0x80, 0x80, 0x80, 0x10])));
        assert!(number(transcode(json!("boolean"), &[2])));
        assert!(number(transcode(json!("string"), &[1])));
        assert!(number(transcode(json!(["null", "int"]), &[4])));
        assert!(number(transcode(json!(["null", "int"]), &[1])));
        assert!(number(transcode(json!({"type": "enum", "name": "E", "symbols": ["A"]}), &[2])));
        assert_eq!(transcode(json!("string"), &[2, 0xff]), TranscodeError::NotText);
    }

    #[test]
    fn lists_that_claim_more_than_there_is() {
        let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
        for items in [json!("int"), json!("null"), json!({"type": "array", "items": "null"})] {
            let kind = json!({"type": "array", "items": items});
            assert_eq!(transcode(kind.clone(), &most), TranscodeError::Items { bytes: 10 });
            assert!(matches!(transcode(kind, &least), TranscodeError::Number { what: "a length", .. }));
        }
        assert!(matches!(transcode(json!("bytes"), &most), TranscodeError::BreaksOff));
    }

    #[test]
    fn records_without_end() {
        let list = record(json!([{"name": "next", "type": ["null", "Test"]}]));
        let plan = Resolution::new(&list, &list).unwrap();
        assert!(matches!(plan.transcode(&[2; 100_000]), Err(TranscodeError::Depth { .. })));
        let endless = record(json!([{"name": "next", "type": "Test"}]));
        let plan = Resolution::new(&endless, &endless).unwrap();
        assert!(matches!(plan.transcode(&[]), Err(TranscodeError::Depth { .. })));
    }

    #[test]
    fn defaults_that_make_much_of_little() {
        let items = |fields: serde_json::Value| {
            of(json!({"type": "array", "items": {"type": "record", "name": "Item", "fields": fields}}))
        };
        let writer = items(json!([{"name": "x", "type": "boolean"}]));
        let long = "x".repeat(100_000);
        let reader = items(json!([{"name": "y", "type": "string", "default": long}]));
        let mut datum = vec![0x90, 0x4e]; // five thousand
        datum.extend([1; 5000]);
        datum.push(0);
        let found = Resolution::new(&writer, &reader).unwrap().transcode(&datum);
        assert!(matches!(found, Err(TranscodeError::Output { .. })));
    }

    #[test]
    fn schemas_that_lie_too_deep() {
        let mut kind = json!("int");
        for _ in 0..60 {
            kind = json!({"type": "array", "items": ["null", kind]});
        }
        let deep = of(kind);
        let plan = Resolution::new(&deep, &deep).unwrap();
        assert!(plan.transcode(&[2, 2, 2, 0, 0, 0]).is_ok());
        let found = plan.transcode(&[2; 200]);
        assert!(matches!(found, Err(TranscodeError::Refused { .. } | TranscodeError::Depth { .. })));
    }
}
