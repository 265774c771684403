//! Pairs of random schemas that resolve, and values of them: what a [`Resolution`] makes of the bytes is what
//! apache-avro makes of them. Where the two differ on purpose stands in `resolution.rs`; pairs of that kind are not made
//! here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use brainops_event::Resolution;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A type; named ones are named after the place where they stand, so that writer and reader agree.
#[derive(Debug, Clone)]
enum Kind {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Millis,
    Date,
    Fixed(usize),
    Enum(Vec<&'static str>, Option<&'static str>),
    Array(Box<Kind>),
    Map(Box<Kind>),
    Union(Vec<Option<Kind>>),
    Record(Vec<Field>),
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    kind: Kind,
    default: Option<Json>,
}

const SYMBOLS: [&str; 4] = ["A", "B", "C", "D"];

/// Small decisions, taken from random bytes; when they are used up, all are 0.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % count
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn number(&mut self) -> i64 {
        let bytes: Vec<u8> = (0..self.below(9)).map(|_| self.0.next().copied().unwrap_or(0)).collect();
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        if self.flag() { (number as i64).wrapping_neg() } else { number as i64 }
    }

    fn kind(&mut self, depth: usize) -> Kind {
        let boxed = |kind: Kind| Box::new(kind);
        match self.below(if depth == 0 { 11 } else { 16 }) {
            0 => Kind::Boolean,
            1 => Kind::Int,
            2 => Kind::Long,
            3 => Kind::Float,
            4 => Kind::Double,
            5 => Kind::Bytes,
            6 => Kind::Text,
            7 => Kind::Millis,
            8 => Kind::Date,
            9 => Kind::Fixed(1 + self.below(4)),
            10 => Kind::Enum(SYMBOLS[..1 + self.below(4)].to_vec(), None),
            11 => Kind::Array(boxed(self.kind(depth - 1))),
            12 => Kind::Map(boxed(self.kind(depth - 1))),
            13 => Kind::Union(vec![None, Some(self.kind_of_branch(depth - 1))]),
            14 => Kind::Union(vec![Some(Kind::Int), None, Some(Kind::Text)]),
            _ => self.record(depth - 1),
        }
    }

    fn kind_of_branch(&mut self, depth: usize) -> Kind {
        match self.kind(depth) {
            Kind::Union(_) => Kind::Text,
            other => other,
        }
    }

    fn record(&mut self, depth: usize) -> Kind {
        let count = 1 + self.below(5);
        let field = |(index, kind)| Field { name: format!("f{index}"), kind, default: None };
        let kinds: Vec<Kind> = (0..count).map(|_| self.kind(depth)).collect();
        Kind::Record(kinds.into_iter().enumerate().map(field).collect())
    }

    /// Another type that reads the first.
    fn evolve(&mut self, kind: &Kind) -> Kind {
        match kind {
            Kind::Record(fields) => self.evolve_record(fields),
            Kind::Union(branches) => {
                let mut branches: Vec<Option<Kind>> = branches
                    .iter()
                    .map(|branch| branch.as_ref().map(|kind| self.evolve_same(kind)))
                    .collect();
                if self.flag() {
                    branches.reverse();
                }
                Kind::Union(branches)
            }
            kind => {
                let evolved = if self.flag() { self.evolve_same(kind) } else { self.widen(kind) };
                match self.below(4) {
                    0 => Kind::Union(vec![None, Some(evolved)]),
                    1 => Kind::Union(vec![Some(evolved), None]),
                    _ => evolved,
                }
            }
        }
    }

    /// Another type that reads the first, and is of the same kind.
    fn evolve_same(&mut self, kind: &Kind) -> Kind {
        match kind {
            Kind::Array(item) => Kind::Array(Box::new(self.evolve(item))),
            Kind::Map(value) => Kind::Map(Box::new(self.evolve(value))),
            Kind::Record(fields) => self.evolve_record(fields),
            Kind::Enum(symbols, _) => {
                let mut symbols = symbols.clone();
                let turns = self.below(symbols.len());
                symbols.rotate_left(turns);
                symbols.truncate(1 + self.below(symbols.len()));
                let default = symbols[self.below(symbols.len())];
                Kind::Enum(symbols, Some(default))
            }
            other => other.clone(),
        }
    }

    fn widen(&mut self, kind: &Kind) -> Kind {
        let to: &[Kind] = match kind {
            Kind::Int => &[Kind::Long, Kind::Float, Kind::Double, Kind::Millis, Kind::Date],
            Kind::Long => &[Kind::Float, Kind::Double, Kind::Millis],
            Kind::Float => &[Kind::Double],
            Kind::Text => &[Kind::Bytes],
            other => return self.evolve_same(other),
        };
        to[self.below(to.len())].clone()
    }

    fn evolve_record(&mut self, fields: &[Field]) -> Kind {
        let mut evolved = Vec::new();
        for field in fields {
            if self.below(5) > 0 {
                evolved.push(Field { kind: self.evolve(&field.kind), ..field.clone() });
            }
        }
        for added in 0..self.below(3) {
            let (kind, default) = self.with_default();
            let at = self.below(evolved.len() + 1);
            evolved.insert(at, Field { name: format!("new{added}"), kind, default: Some(default) });
        }
        let turns = self.below(evolved.len().max(1));
        evolved.rotate_left(turns);
        Kind::Record(evolved)
    }

    fn with_default(&mut self) -> (Kind, Json) {
        let ints = || Kind::Array(Box::new(Kind::Int));
        match self.below(8) {
            0 => (Kind::Boolean, json!(true)),
            1 => (Kind::Long, json!(self.number())),
            2 => (Kind::Double, json!(0.25)),
            3 => (Kind::Text, json!("grün")),
            4 => (Kind::Enum(SYMBOLS.to_vec(), None), json!("C")),
            5 => (ints(), json!([1, 2])),
            6 => (Kind::Union(vec![None, Some(Kind::Text)]), Json::Null),
            _ => {
                let field = Field { name: "x".to_owned(), kind: Kind::Int, default: None };
                (Kind::Record(vec![field]), json!({"x": 7}))
            }
        }
    }

    fn value(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Boolean => Value::Boolean(self.flag()),
            Kind::Int => Value::Int(self.number() as i32),
            Kind::Long => Value::Long(self.number()),
            Kind::Float => Value::Float(self.number() as f32 / 8.0),
            Kind::Double => Value::Double(self.number() as f64 / 8.0),
            Kind::Bytes => Value::Bytes(self.number().to_be_bytes().to_vec()),
            Kind::Text => Value::String("aö\u{1F600}".repeat(self.below(4))),
            Kind::Millis => Value::TimestampMillis(self.number()),
            Kind::Date => Value::Date(self.number() as i32),
            Kind::Fixed(size) => Value::Fixed(*size, vec![self.below(256) as u8; *size]),
            Kind::Enum(symbols, _) => {
                let index = self.below(symbols.len());
                Value::Enum(index as u32, symbols[index].to_owned())
            }
            Kind::Array(item) => Value::Array((0..self.below(4)).map(|_| self.value(item)).collect()),
            Kind::Map(value) => {
                Value::Map((0..self.below(4)).map(|key| (format!("k{key}"), self.value(value))).collect())
            }
            Kind::Union(branches) => {
                let index = self.below(branches.len());
                let value = branches[index].as_ref().map_or(Value::Null, |kind| self.value(kind));
                Value::Union(index as u32, Box::new(value))
            }
            Kind::Record(fields) => Value::Record(
                fields.iter().map(|field| (field.name.clone(), self.value(&field.kind))).collect(),
            ),
        }
    }
}

fn schema_json(kind: &Kind, place: &str) -> Json {
    match kind {
        Kind::Boolean => json!("boolean"),
        Kind::Int => json!("int"),
        Kind::Long => json!("long"),
        Kind::Float => json!("float"),
        Kind::Double => json!("double"),
        Kind::Bytes => json!("bytes"),
        Kind::Text => json!("string"),
        Kind::Millis => json!({"type": "long", "logicalType": "timestamp-millis"}),
        Kind::Date => json!({"type": "int", "logicalType": "date"}),
        Kind::Fixed(size) => json!({"type": "fixed", "name": format!("F{place}"), "size": size}),
        Kind::Enum(symbols, default) => {
            let mut json = json!({"type": "enum", "name": format!("E{place}"), "symbols": symbols});
            if let Some(default) = default {
                json["default"] = json!(default);
            }
            json
        }
        Kind::Array(item) => json!({"type": "array", "items": schema_json(item, &format!("{place}_i"))}),
        Kind::Map(value) => json!({"type": "map", "values": schema_json(value, &format!("{place}_v"))}),
        Kind::Union(branches) => {
            let branch = |branch: &Option<Kind>| match branch {
                None => json!("null"),
                Some(kind) => schema_json(kind, place),
            };
            Json::Array(branches.iter().map(branch).collect())
        }
        Kind::Record(fields) => {
            let field = |field: &Field| {
                let mut json = json!({"name": field.name, "type": schema_json(&field.kind, &format!("{place}_{}", field.name))});
                if let Some(default) = &field.default {
                    json["default"] = default.clone();
                }
                json
            };
            let fields: Vec<Json> = fields.iter().map(field).collect();
            json!({"type": "record", "name": format!("R{place}"), "namespace": "a.b", "fields": fields})
        }
    }
}

fn parse(kind: &Kind) -> Schema {
    Schema::parse_str(&schema_json(kind, "").to_string()).unwrap()
}

fn decode(writer: &Schema, reader: &Schema, datum: &[u8]) -> Value {
    let reading = GenericDatumReader::builder(writer).reader_schema(reader).build().unwrap();
    reading.read_value(&mut &*datum).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn bytes_become_what_apache_avro_makes_of_them(bytes in prop::collection::vec(any::<u8>(), 0..400), small in any::<bool>()) {
        let mut choices = Choices(bytes.iter());
        let written = choices.record(3);
        let wanted = choices.evolve_record(match &written { Kind::Record(fields) => fields, _ => &[] });
        let (writer, reader) = (parse(&written), parse(&wanted));
        let value = choices.value(&written);
        let writing = GenericDatumWriter::builder(&writer);
        let writing = if small { writing.target_block_size(1).build() } else { writing.build() };
        let datum = writing.unwrap().write_value_to_vec(value.clone()).unwrap();
        let resolution = Resolution::new(&writer, &reader).unwrap();
        let found = resolution.transcode(&datum).unwrap();
        let expected = decode(&writer, &reader, &datum);
        prop_assert_eq!(decode(&reader, &reader, &found), expected);

        let same = Resolution::new(&writer, &writer).unwrap().transcode(&datum).unwrap();
        prop_assert_eq!(decode(&writer, &writer, &same), value);

        for end in 0..datum.len() {
            prop_assert!(resolution.transcode(&datum[..end]).is_err(), "the first {} bytes", end);
        }
        let mut broken = datum.clone();
        for (at, byte) in bytes.iter().enumerate().take(datum.len()) {
            broken[at] = *byte;
            let _no_panic = resolution.transcode(&broken);
        }
    }
}
