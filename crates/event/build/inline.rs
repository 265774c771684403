//! Makes a schema stand alone: each named reference is replaced by its definition where it is first used.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Keys in the order in which they are written; others follow by name, and `LAST` ends the object. The order is
/// ours and not the map's, so that the text does not depend on how serde_json was built.
const FIRST: [&str; 8] = ["type", "name", "namespace", "logicalType", "doc", "default", "items", "values"];
const LAST: &str = "fields";

/// The schema with every reference inlined at its first use.
pub fn self_contained(schema: &Value, known: &BTreeMap<String, Value>) -> Result<Value, String> {
    Inliner { known, defined: BTreeSet::new() }.type_of(schema)
}

struct Inliner<'a> {
    known: &'a BTreeMap<String, Value>,
    defined: BTreeSet<String>,
}

impl Inliner<'_> {
    fn type_of(&mut self, schema: &Value) -> Result<Value, String> {
        match schema {
            Value::String(name) => self.reference(name),
            Value::Array(variants) => variants.iter().map(|variant| self.type_of(variant)).collect(),
            Value::Object(object) => self.complex(object).map(Value::Object),
            other => Err(format!("{other} is not an Avro type")),
        }
    }

    fn reference(&mut self, name: &str) -> Result<Value, String> {
        match self.known.get(name) {
            None if name.contains('.') => Err(format!("the reference {name} has no schema file")),
            None => Ok(Value::from(name)),
            Some(_) if self.defined.contains(name) => Ok(Value::from(name)),
            Some(definition) => self.type_of(definition),
        }
    }

    fn complex(&mut self, object: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        if let (Some(namespace), Some(name)) = (text(object, "namespace"), text(object, "name")) {
            self.defined.insert(format!("{namespace}.{name}"));
        }
        let mut made = object.clone();
        for key in ["type", "items", "values"] {
            if let Some(inner) = object.get(key) {
                made.insert(key.to_owned(), self.type_of(inner)?);
            }
        }
        if let Some(Value::Array(fields)) = object.get("fields") {
            made.insert(
                "fields".to_owned(),
                fields.iter().map(|field| self.type_of(field)).collect::<Result<_, _>>()?,
            );
        }
        Ok(made)
    }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// Compact JSON with the keys in our order.
pub fn canonical_text(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_by_key(|key| (rank(key), (*key).clone()));
            let members = keys.iter().filter_map(|key| {
                let value = object.get(*key)?;
                Some(format!("{}:{}", Value::from(key.as_str()), canonical_text(value)))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical_text).collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

fn rank(key: &str) -> usize {
    match FIRST.iter().position(|first| *first == key) {
        Some(place) => place,
        None if key == LAST => FIRST.len() + 1,
        None => FIRST.len(),
    }
}
