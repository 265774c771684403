//! Plain JSON to an Avro datum, by the schema: every fault is found, and told with its place and what is accepted.
//!
//! Plain means that a union is not marked (`"x"`, not `{"string": "x"}`), times are RFC 3339 or integers, and bytes
//! are base64. A member may be missing when its field has a default; a member without a field is a fault.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema::{NamesRef, RecordSchema, UnionSchema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::binary::{write_bytes, write_count, write_long};
use super::expected;
use super::field_error::{Faults, FieldError, FieldErrors};
use super::path::Path;
use super::scalar;
use super::sealing;
use super::text::{Level, Members, level};
use crate::types::privacy::Sealed;

/// Writes one datum.
pub(crate) struct Encoder<'s> {
    names: &'s NamesRef<'s>,
    out: Vec<u8>,
    pub(crate) faults: Faults,
}

impl<'s> Encoder<'s> {
    pub(crate) fn new(names: &'s NamesRef<'s>) -> Self {
        Self { names, out: Vec::new(), faults: Faults::default() }
    }

    /// The datum, when there were no faults.
    pub(crate) fn finish(self) -> Result<Vec<u8>, FieldErrors> {
        self.faults.settle(self.out)
    }

    /// Writes the members of an object as the fields of a record. `special` may write a field in its own way: it
    /// answers whether it did.
    pub(crate) fn record(
        &mut self,
        record: &'s RecordSchema,
        members: &Members<'_>,
        path: &Path<'_>,
        special: &mut dyn FnMut(&mut Self, &'s str, &'s Schema, &RawValue) -> bool,
    ) {
        self.refuse_unknown(record, members, path);
        for field in &record.fields {
            let place = path.member(&field.name);
            match (members.get(&field.name), &field.default) {
                (Some(value), _) => {
                    if !special(self, &field.name, &field.schema, value) {
                        self.value(&field.schema, value, &place);
                    }
                }
                (None, Some(default)) => self.default(&field.schema, default, &place),
                (None, None) => self.refuse(&field.schema, &place, "nothing"),
            }
        }
    }

    pub(crate) fn value(&mut self, schema: &'s Schema, raw: &RawValue, path: &Path<'_>) {
        let schema = expected::resolve(schema, self.names);
        let read = level(raw, path);
        let Some(value) = self.faults.take(read) else { return };
        if expected::is_sealed(schema) {
            return match sealing::ready(&value) {
                Some(sealed) => self.sealed(schema, &sealed, path),
                None => self.refuse(schema, path, value.kind()),
            };
        }
        match (schema, &value) {
            (Schema::Union(union), _) => self.union(schema, union, raw, path),
            (Schema::Record(record), Level::Object(members)) => {
                self.record(record, members, path, &mut |_, _, _, _| false);
            }
            (Schema::Array(array), Level::Array(items)) => self.array(&array.items, items, path),
            (Schema::Map(map), Level::Object(members)) => self.map(&map.types, members, path),
            _ => match scalar::encode(schema, &value, &mut self.out) {
                Ok(()) => {}
                Err(found) => self.refuse(schema, path, found),
            },
        }
    }

    /// Null goes to the null branch; anything else to the first branch that takes it.
    fn union(&mut self, whole: &'s Schema, union: &'s UnionSchema, raw: &RawValue, path: &Path<'_>) {
        let is_null = raw.get() == "null";
        let mut branches = union.variants().iter().enumerate();
        let fitting: Vec<_> =
            branches.by_ref().filter(|(_, branch)| matches!(branch, Schema::Null) == is_null).collect();
        if let [(place, branch)] = fitting.as_slice() {
            write_count(&mut self.out, *place);
            return self.value(branch, raw, path);
        }
        let (written, faults) = (self.out.len(), self.faults.len());
        for (place, branch) in fitting {
            write_count(&mut self.out, place);
            self.value(branch, raw, path);
            if self.faults.len() == faults {
                return;
            }
            self.out.truncate(written);
            self.faults.truncate(faults);
        }
        let found = level(raw, path).map_or("another value", |value| value.kind());
        self.refuse(whole, path, found);
    }

    fn array(&mut self, schema: &'s Schema, items: &[&RawValue], path: &Path<'_>) {
        if !items.is_empty() {
            write_count(&mut self.out, items.len());
        }
        for (place, item) in items.iter().enumerate() {
            self.value(schema, item, &path.item(place));
        }
        write_long(&mut self.out, 0);
    }

    /// Members in the order of their names, so that one value has one encoding.
    fn map(&mut self, schema: &'s Schema, members: &Members<'_>, path: &Path<'_>) {
        let sorted: BTreeMap<&str, &RawValue> =
            members.0.iter().map(|(name, value)| (&**name, *value)).collect();
        if !sorted.is_empty() {
            write_count(&mut self.out, sorted.len());
        }
        for (name, value) in sorted {
            let place = path.member(name);
            if name.contains('\0') {
                self.faults.push(FieldError::new(place.to_string(), "a name without U+0000", "one with it"));
            }
            write_bytes(&mut self.out, name.as_bytes());
            self.value(schema, value, &place);
        }
        write_long(&mut self.out, 0);
    }

    /// Writes a sealed value where the schema has a place for one: here, or as a branch of a union.
    pub(crate) fn sealed(&mut self, schema: &'s Schema, sealed: &Sealed, path: &Path<'_>) {
        if let Schema::Union(union) = schema {
            let mut branches = union.variants().iter();
            let names = self.names;
            match branches.position(|branch| expected::is_sealed(expected::resolve(branch, names))) {
                Some(place) => write_count(&mut self.out, place),
                None => return self.refuse(schema, path, "a string"),
            }
        }
        match sealing::datum(sealed) {
            Some(datum) => self.out.extend_from_slice(&datum),
            None => self.refuse(schema, path, "a value that cannot be written"),
        }
    }

    /// The default of a field as its schema writes it: as in JSON, but bytes are characters from U+0000 to U+00FF.
    fn default(&mut self, schema: &'s Schema, default: &serde_json::Value, path: &Path<'_>) {
        let resolved = expected::resolve(schema, self.names);
        if let (Schema::Bytes | Schema::Fixed(_), Some(text)) = (resolved, default.as_str()) {
            let bytes: Vec<u8> = text.chars().filter_map(|character| u8::try_from(character).ok()).collect();
            let encoded = serde_json::Value::from(STANDARD.encode(bytes));
            return self.default_json(schema, &encoded, path);
        }
        self.default_json(schema, default, path);
    }

    fn default_json(&mut self, schema: &'s Schema, default: &serde_json::Value, path: &Path<'_>) {
        match serde_json::value::to_raw_value(default) {
            Ok(raw) => self.value(schema, &raw, path),
            Err(_) => self.refuse(schema, path, "nothing"),
        }
    }

    fn refuse_unknown(&mut self, record: &RecordSchema, members: &Members<'_>, path: &Path<'_>) {
        for (name, _) in &members.0 {
            if !record.lookup.contains_key(name.as_ref()) {
                let accepted: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
                let accepted = format!("only these members: {}", accepted.join(", "));
                self.faults.push(FieldError::new(path.member(name).to_string(), accepted, "another member"));
            }
        }
    }

    pub(crate) fn refuse(&mut self, schema: &Schema, path: &Path<'_>, found: &str) {
        let accepted = expected::of(schema, self.names);
        self.faults.push(FieldError::new(path.to_string(), accepted, found));
    }
}
