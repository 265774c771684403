//! Values as Postgres takes them in binary, and the values that it would refuse.
//!
//! One element has the same bytes in a binary COPY and in a binary array parameter, so there is one encoder for
//! both. What Postgres cannot hold is refused here, per event, so that a statement for a whole batch never fails
//! because of one value; nothing is replaced or cut in silence.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use thiserror::Error;

use crate::table::ColumnType;

/// The most bytes that one value may have. Postgres itself ends at 1 GiB; strings inside `jsonb` end at 256 MiB.
pub(crate) const MAX_VALUE_BYTES: usize = 64 * 1024 * 1024;

/// 2000-01-01T00:00:00Z, from which Postgres counts, in microseconds since 1970.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The first moment that Postgres can hold (Julian day 0), in microseconds from its own epoch.
const FIRST_MOMENT_MICROS: i64 = -211_813_488_000_000_000;

/// What is wrong with a value that no table can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unstorable {
    /// Postgres has no NUL character in text or JSON.
    #[error("it has a NUL character")]
    NulCharacter,
    /// A time before 4713 BC, or so late that its microseconds overflow.
    #[error("it is a time outside of what Postgres holds")]
    TimeOutOfRange,
    /// Postgres holds microseconds; what is finer would be lost.
    #[error("it is a time finer than a microsecond")]
    TimeTooFine,
    /// The value is larger than the runtime takes.
    #[error("it has {bytes} bytes, at most {limit} are taken")]
    TooLong {
        /// Bytes of the value.
        bytes: usize,
        /// Bytes that are taken.
        limit: usize,
    },
    /// A NULL for a column that is NOT NULL.
    #[error("it is null and the column is not nullable")]
    Null,
}

/// Whether a value had bytes or is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The value's bytes were written.
    Present,
    /// The value is NULL and nothing was written.
    Null,
}

/// How a list of texts is written: inside an array parameter it must itself be text, for Postgres has no arrays
/// of arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListForm {
    /// A binary `text[]`, for COPY.
    Binary,
    /// An array literal such as `{"a","b"}`, which the statement casts to `text[]`.
    Literal,
}

/// A Rust value that a column can hold.
pub trait Storable {
    /// The column type that it belongs into.
    const KIND: ColumnType;

    /// Writes the value's bytes as Postgres sends and receives them.
    ///
    /// # Errors
    /// [`Unstorable`] when no table can hold the value; `out` may then hold a part of it.
    fn encode(&self, form: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable>;

    /// The value as a moment, if it is one; it decides the month of a row in a table partitioned by month.
    fn moment(&self) -> Option<DateTime<Utc>> {
        None
    }
}

impl<T: Storable + ?Sized> Storable for &T {
    const KIND: ColumnType = T::KIND;

    fn encode(&self, form: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        (**self).encode(form, out)
    }

    fn moment(&self) -> Option<DateTime<Utc>> {
        (**self).moment()
    }
}

impl<T: Storable> Storable for Option<T> {
    const KIND: ColumnType = T::KIND;

    fn encode(&self, form: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        match self {
            Some(value) => value.encode(form, out),
            None => Ok(Presence::Null),
        }
    }

    fn moment(&self) -> Option<DateTime<Utc>> {
        self.as_ref().and_then(Storable::moment)
    }
}

impl Storable for str {
    const KIND: ColumnType = ColumnType::Text;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        check_text(self)?;
        out.extend_from_slice(self.as_bytes());
        Ok(Presence::Present)
    }
}

impl Storable for String {
    const KIND: ColumnType = ColumnType::Text;

    fn encode(&self, form: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        self.as_str().encode(form, out)
    }
}

impl Storable for bool {
    const KIND: ColumnType = ColumnType::Bool;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        out.push(u8::from(*self));
        Ok(Presence::Present)
    }
}

impl Storable for i32 {
    const KIND: ColumnType = ColumnType::Int4;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(Presence::Present)
    }
}

impl Storable for i64 {
    const KIND: ColumnType = ColumnType::Int8;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(Presence::Present)
    }
}

impl Storable for f64 {
    const KIND: ColumnType = ColumnType::Float8;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        out.extend_from_slice(&self.to_bits().to_be_bytes());
        Ok(Presence::Present)
    }
}

impl Storable for DateTime<Utc> {
    const KIND: ColumnType = ColumnType::Timestamptz;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        if !self.timestamp_subsec_nanos().is_multiple_of(1_000) {
            return Err(Unstorable::TimeTooFine);
        }
        let micros = self
            .timestamp_micros()
            .checked_sub(POSTGRES_EPOCH_MICROS)
            .filter(|micros| *micros >= FIRST_MOMENT_MICROS)
            .ok_or(Unstorable::TimeOutOfRange)?;
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(Presence::Present)
    }

    fn moment(&self) -> Option<DateTime<Utc>> {
        Some(*self)
    }
}

impl Storable for Json {
    const KIND: ColumnType = ColumnType::Jsonb;

    fn encode(&self, _: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        check_json(self)?;
        out.push(1); // version of the binary form of jsonb
        let start = out.len();
        // Writing a `Value` into a vector cannot fail; were it to, the text would be cut and Postgres refuse it.
        out.extend_from_slice(self.to_string().as_bytes());
        check_length(out.len() - start)?;
        Ok(Presence::Present)
    }
}

impl Storable for Vec<String> {
    const KIND: ColumnType = ColumnType::TextArray;

    fn encode(&self, form: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        self.as_slice().encode(form, out)
    }
}

impl Storable for [String] {
    const KIND: ColumnType = ColumnType::TextArray;

    fn encode(&self, form: ListForm, out: &mut Vec<u8>) -> Result<Presence, Unstorable> {
        let start = out.len();
        for text in self {
            check_text(text)?;
        }
        match form {
            ListForm::Binary => encode_binary_list(self, out),
            ListForm::Literal => encode_literal_list(self, out),
        }
        check_length(out.len() - start)?;
        Ok(Presence::Present)
    }
}

/// Catalog numbers (`pg_type.oid`) of the element types, fixed since Postgres has them.
pub(crate) const fn element_oid(kind: ColumnType) -> u32 {
    match kind {
        ColumnType::Bool => 16,
        ColumnType::Int8 => 20,
        ColumnType::Int4 => 23,
        // A list inside an array parameter travels as text, see [`ListForm`].
        ColumnType::Text | ColumnType::TextArray => 25,
        ColumnType::Float8 => 701,
        ColumnType::Timestamptz => 1184,
        ColumnType::Jsonb => 3802,
    }
}

/// Writes the header of a binary array of one dimension.
pub(crate) fn encode_array_header(oid: u32, elements: usize, has_null: bool, out: &mut Vec<u8>) {
    let dimensions = i32::from(elements > 0);
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&i32::from(has_null).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    if elements > 0 {
        out.extend_from_slice(&length_prefix(elements));
        out.extend_from_slice(&1_i32.to_be_bytes()); // the first index
    }
}

/// A length as Postgres writes it. Lengths are checked against [`MAX_VALUE_BYTES`] before they get here.
pub(crate) fn length_prefix(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

fn encode_binary_list(texts: &[String], out: &mut Vec<u8>) {
    encode_array_header(element_oid(ColumnType::Text), texts.len(), false, out);
    for text in texts {
        out.extend_from_slice(&length_prefix(text.len()));
        out.extend_from_slice(text.as_bytes());
    }
}

fn encode_literal_list(texts: &[String], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'"');
        for byte in text.bytes() {
            if byte == b'"' || byte == b'\\' {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    out.push(b'}');
}

fn check_text(text: &str) -> Result<(), Unstorable> {
    check_length(text.len())?;
    if memchr::memchr(0, text.as_bytes()).is_some() { Err(Unstorable::NulCharacter) } else { Ok(()) }
}

fn check_length(bytes: usize) -> Result<(), Unstorable> {
    if bytes > MAX_VALUE_BYTES {
        return Err(Unstorable::TooLong { bytes, limit: MAX_VALUE_BYTES });
    }
    Ok(())
}

fn check_json(value: &Json) -> Result<(), Unstorable> {
    match value {
        Json::String(text) => check_text(text),
        Json::Array(items) => items.iter().try_for_each(check_json),
        Json::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            check_text(name)?;
            check_json(value)
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
