//! The default of a reader's field, as bytes.

use serde_json::{Map, Value};

use super::shape::{Part, Shape};
use super::walk::encode_number;
use super::{MAX_DEPTH, Unresolvable};

/// The bytes of a default, which a schema gives as JSON.
pub(super) fn encode_default(part: Part<'_>, value: &Value) -> Result<Vec<u8>, Unresolvable> {
    let mut bytes = Vec::new();
    encode(part, value, 0, &mut bytes)?;
    Ok(bytes)
}

fn encode(part: Part<'_>, value: &Value, depth: usize, into: &mut Vec<u8>) -> Result<(), Unresolvable> {
    let shape = part.shape()?;
    let misfit = || Unresolvable::new(format!("the default {value} is no {}", shape.title()));
    if depth == MAX_DEPTH {
        return Err(Unresolvable::new(format!("the default lies more than {MAX_DEPTH} deep")));
    }
    match (shape, value) {
        (Shape::Null, Value::Null) => {}
        (Shape::Boolean, Value::Bool(flag)) => into.push(u8::from(*flag)),
        (Shape::Int, value) => {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok()).ok_or_else(misfit)?;
            encode_number(number.into(), into);
        }
        (Shape::Long, value) => encode_number(value.as_i64().ok_or_else(misfit)?, into),
        #[expect(clippy::cast_possible_truncation, reason = "a float is what the schema asks for")]
        (Shape::Float, value) => {
            let float = value.as_f64().ok_or_else(misfit)? as f32;
            into.extend_from_slice(&float.to_le_bytes());
        }
        (Shape::Double, value) => into.extend_from_slice(&value.as_f64().ok_or_else(misfit)?.to_le_bytes()),
        (Shape::String, Value::String(text)) => encode_bytes(text.as_bytes(), into),
        (Shape::Bytes, Value::String(text)) => encode_bytes(&raw(text).ok_or_else(misfit)?, into),
        (Shape::Fixed(_, size), Value::String(text)) => {
            let raw = raw(text).filter(|raw| raw.len() == size).ok_or_else(misfit)?;
            into.extend_from_slice(&raw);
        }
        (Shape::Enum(symbols), Value::String(symbol)) => {
            let index = symbols.symbols.iter().position(|known| known == symbol).ok_or_else(misfit)?;
            encode_length(index, into);
        }
        (Shape::Array(item), Value::Array(items)) => {
            encode_count(items.len(), into);
            for value in items {
                encode(part.part(item), value, depth + 1, into)?;
            }
            encode_length(0, into);
        }
        (Shape::Map(of), Value::Object(members)) => {
            encode_count(members.len(), into);
            for (name, value) in members {
                encode_bytes(name.as_bytes(), into);
                encode(part.part(of), value, depth + 1, into)?;
            }
            encode_length(0, into);
        }
        (Shape::Record(record), Value::Object(members)) => {
            for field in &record.fields {
                let value = field_value(members, field)?;
                encode(part.part(&field.schema), value, depth + 1, into)?;
            }
        }
        (Shape::Union(union), value) => {
            let begin = into.len();
            for (index, branch) in union.variants().iter().enumerate() {
                encode_length(index, into);
                match encode(part.part(branch), value, depth + 1, into) {
                    Ok(()) => return Ok(()),
                    Err(_) => into.truncate(begin), // another branch may fit
                }
            }
            return Err(misfit());
        }
        _ => return Err(misfit()),
    }
    Ok(())
}

fn field_value<'v>(
    members: &'v Map<String, Value>,
    field: &'v apache_avro::schema::RecordField,
) -> Result<&'v Value, Unresolvable> {
    let value = members.get(&field.name).or(field.default.as_ref());
    value.ok_or_else(|| Unresolvable::new(format!("the default has no field {}", field.name)))
}

/// Bytes stand in a default as a string whose characters are their numbers.
fn raw(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

fn encode_length(length: usize, into: &mut Vec<u8>) {
    encode_number(i64::try_from(length).unwrap_or(i64::MAX), into); // no list is longer than the memory
}

fn encode_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    encode_length(bytes.len(), into);
    into.extend_from_slice(bytes);
}

/// An empty list is its end alone.
fn encode_count(count: usize, into: &mut Vec<u8>) {
    if count > 0 {
        encode_length(count, into);
    }
}
