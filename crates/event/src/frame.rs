//! The Confluent wire format: which schema wrote the bytes that follow.
//!
//! Either the value begins with byte 0 and the schema's id (four bytes, big endian), which is what we write, or the
//! record's header `__value_schema_id` says it (the same five bytes, or byte 1 and a 16-byte GUID) and the value is
//! the bare datum.

use uuid::Uuid;

use crate::schema::SchemaId;

/// Name of the record header that may name the schema in place of the value's first five bytes.
pub const SCHEMA_ID_HEADER: &str = "__value_schema_id";

const ID_MAGIC: u8 = 0;
const GUID_MAGIC: u8 = 1;
const PREFIX_LENGTH: usize = 5;
const GUID_LENGTH: usize = 16;

/// Bytes do not say which schema wrote them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The value is shorter than the prefix.
    #[error("the value has {bytes} bytes, at least 5 are accepted: byte 0 and a schema id of four bytes")]
    TooShort {
        /// Length found.
        bytes: usize,
    },
    /// The value begins with another byte than 0.
    #[error("the value begins with byte {found}, accepted is 0, the Confluent wire format")]
    Magic {
        /// The byte found.
        found: u8,
    },
    /// The header is none of the two forms.
    #[error(
        "the header __value_schema_id has {bytes} bytes, accepted is byte 0 and 4 bytes, or byte 1 and 16 bytes"
    )]
    Header {
        /// Length found.
        bytes: usize,
    },
}

/// How a record names the schema of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaReference {
    /// By the registry's number.
    Id(SchemaId),
    /// By the registry's GUID.
    Guid(Uuid),
}

/// The datum with its schema's id before it.
#[must_use]
pub fn frame(id: SchemaId, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(PREFIX_LENGTH + datum.len());
    value.push(ID_MAGIC);
    value.extend_from_slice(&id.get().to_be_bytes());
    value.extend_from_slice(datum);
    value
}

/// Takes the prefix off a value.
///
/// # Errors
/// The value is too short or begins with another byte than 0.
pub fn unframe(value: &[u8]) -> Result<(SchemaId, &[u8]), FrameError> {
    let Some((magic, rest)) = value.split_first() else { return Err(FrameError::TooShort { bytes: 0 }) };
    if *magic != ID_MAGIC {
        return Err(FrameError::Magic { found: *magic });
    }
    match rest.split_first_chunk() {
        Some((id, datum)) => Ok((SchemaId::new(u32::from_be_bytes(*id)), datum)),
        None => Err(FrameError::TooShort { bytes: value.len() }),
    }
}

/// Finds schema and datum of a record: by the header [`SCHEMA_ID_HEADER`] when it is there, else by the prefix.
///
/// # Errors
/// Neither says which schema wrote the value.
pub fn locate<'a>(header: Option<&[u8]>, value: &'a [u8]) -> Result<(SchemaReference, &'a [u8]), FrameError> {
    match header {
        Some(header) => Ok((schema_reference(header)?, value)),
        None => unframe(value).map(|(id, datum)| (SchemaReference::Id(id), datum)),
    }
}

fn schema_reference(header: &[u8]) -> Result<SchemaReference, FrameError> {
    let refused = FrameError::Header { bytes: header.len() };
    match header.split_first() {
        Some((&ID_MAGIC, rest)) => {
            let id = <[u8; 4]>::try_from(rest).map_err(|_| refused)?;
            Ok(SchemaReference::Id(SchemaId::new(u32::from_be_bytes(id))))
        }
        Some((&GUID_MAGIC, rest)) => {
            let guid = <[u8; GUID_LENGTH]>::try_from(rest).map_err(|_| refused)?;
            Ok(SchemaReference::Guid(Uuid::from_bytes(guid)))
        }
        _ => Err(refused),
    }
}
