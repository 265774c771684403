//! The data of an event as JSON, for people: by the writer's schema, with nothing left out.
//!
//! `timestamp-millis` becomes an RFC 3339 string, bytes become base64 (RFC 4648, section 4), a sealed value becomes
//! its token (`{"sealed": "sealed.v1..."}`), a number that JSON does not have becomes its name as a string; all else
//! is what it looks like.

use std::fmt;

use apache_avro::Schema;
use apache_avro::schema::{NamesRef, ResolvedSchema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::datum::{DatumError, decode_seeded};
use crate::recorded::{Body, DecodeError, Recorded, json_error};
use crate::schema::WriterSchema;
use crate::time::{format_timestamp, timestamp_from_millis};
use crate::types::privacy::Sealed;

/// Full name of the record that holds a sealed value.
const SEALED: &str = "brainops.privacy.Sealed";

impl Recorded<'_> {
    /// The data as JSON, for people; an event without data gives `null`.
    ///
    /// # Errors
    /// The data does not fit its schema.
    pub fn json(&self) -> Result<Value, DecodeError> {
        match &self.body {
            Body::Avro { schema, datum } => datum_json(schema, datum).map_err(|problem| DecodeError::Datum {
                id: schema.id,
                name: schema.name.clone(),
                problem,
            }),
            Body::Json(text) => serde_json::from_str(text).map_err(|error| json_error(&error)),
            Body::Empty => Ok(Value::Null),
        }
    }
}

/// A datum as JSON, for people; see [`Recorded::json`].
///
/// # Errors
/// The bytes are no datum of the schema.
pub fn datum_json(schema: &WriterSchema, datum: &[u8]) -> Result<Value, DatumError> {
    let resolved = ResolvedSchema::new(&schema.avro)
        .map_err(|error| DatumError::Unreadable { reason: error.to_string() })?;
    let tree = Tree { schema: Some(&schema.avro), names: resolved.get_names() };
    decode_seeded(&schema.fast, datum, tree)
}

/// Makes JSON of the next value. Without a schema it goes by what the bytes say, which is all but the logical types.
#[derive(Clone, Copy)]
struct Tree<'s> {
    schema: Option<&'s Schema>,
    names: &'s NamesRef<'s>,
}

impl<'s> Tree<'s> {
    fn of(self, schema: Option<&'s Schema>) -> Self {
        let resolved = match schema {
            Some(Schema::Ref { name }) => self.names.get(name).copied(),
            other => other,
        };
        Self { schema: resolved, names: self.names }
    }

    fn of_field(self, field: &str) -> Self {
        match self.schema {
            Some(Schema::Record(record)) => {
                let known = record.fields.iter().find(|known| known.name == field);
                self.of(known.map(|known| &known.schema))
            }
            Some(Schema::Map(map)) => self.of(Some(&map.types)),
            _ => self.of(None),
        }
    }

    fn is_sealed(self) -> bool {
        matches!(self.schema, Some(Schema::Record(record)) if record.name.fullname(None) == SEALED)
    }

    /// The schema of a value that is not null, when the union leaves only one.
    fn nullable(self) -> Option<Self> {
        let Some(Schema::Union(union)) = self.schema else { return None };
        match union.variants() {
            [Schema::Null, value] | [value, Schema::Null] => Some(self.of(Some(value))),
            _ => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.nullable() {
            Some(value) => deserializer.deserialize_option(value),
            None => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an Avro value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        let moment = match self.schema {
            Some(Schema::TimestampMillis) => timestamp_from_millis(value),
            _ => None,
        };
        Ok(moment.map_or_else(|| Value::from(value), |moment| Value::from(format_timestamp(&moment))))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(|| Value::from(value.to_string()), Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::from(STANDARD.encode(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let item = match self.schema {
            Some(Schema::Array(array)) => self.of(Some(&array.items)),
            _ => self.of(None),
        };
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(item)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        if self.is_sealed() {
            let sealed = Sealed::deserialize(MapAccessDeserializer::new(members))?;
            return Ok(json!({ "sealed": sealed.to_token() }));
        }
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.of_field(&name))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
