//! Avro datums: bytes to values and back, without a tree between.

use std::io::BufRead;
use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::SerializerConfig;

/// Bytes are no datum of their schema, or not what the caller wants of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatumError {
    /// The bytes break off, hold what the schema does not allow, or lack what the wanted type has.
    #[error("the datum cannot be read: {reason}")]
    Unreadable {
        /// What the decoder says, without values.
        reason: String,
    },
    /// Bytes follow the datum.
    #[error("{bytes} bytes follow the datum")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// Reads a value of a datum. Only the fields that `T` has are made; the rest is skipped over, and text can be borrowed
/// from the datum.
///
/// # Errors
/// The bytes are no datum of the schema, or lack a field that `T` has no default for.
pub fn decode_datum<'a, T: Deserialize<'a>>(
    schema: &serde_avro_fast::Schema,
    datum: &'a [u8],
) -> Result<T, DatumError> {
    decode_seeded(schema, datum, PhantomData)
}

/// As [`decode_datum`], with a seed that carries what the value is to be made of.
pub(crate) fn decode_seeded<'a, S: DeserializeSeed<'a>>(
    schema: &serde_avro_fast::Schema,
    datum: &'a [u8],
    seed: S,
) -> Result<S::Value, DatumError> {
    let mut config = DeserializerConfig::new(schema);
    config.max_seq_size = datum.len(); // an item takes a byte at least, so a longer list is a lie
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = seed.deserialize(state.deserializer()).map_err(|error| unreadable(&error))?;
    match state.into_reader().fill_buf() {
        Ok([]) => Ok(value),
        Ok(rest) => Err(DatumError::Trailing { bytes: rest.len() }),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Writes a value as a datum.
///
/// # Errors
/// The value is not one of the schema; the text says why.
pub fn encode_datum<T: Serialize + ?Sized>(
    schema: &serde_avro_fast::Schema,
    value: &T,
) -> Result<Vec<u8>, String> {
    serde_avro_fast::to_datum_vec(value, &mut SerializerConfig::new(schema))
        .map_err(|error| error.to_string())
}

fn unreadable(error: &dyn std::error::Error) -> DatumError {
    DatumError::Unreadable { reason: without_values(&error.to_string()) }
}

/// Decoders quote what they found, and that may be personal: everything between the first and the last quote goes.
fn without_values(message: &str) -> String {
    let quoted = |mark| Some((message.find(mark)?, message.rfind(mark)?));
    match quoted('"') {
        Some((first, last)) if first < last => format!("{}...{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn an_error_repeats_no_value() {
        let told = without_values(r#"invalid type: string "a \"b\" c", expected i64"#);
        assert_eq!(told, "invalid type: string ..., expected i64");
        assert_eq!(without_values("missing field `lead_id`"), "missing field `lead_id`");
    }
}
