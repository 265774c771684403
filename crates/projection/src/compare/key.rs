//! The order of keys, as Postgres has it, over the bytes that a binary COPY sends.

use std::cmp::Ordering;

use brainops_event::Timestamp;
use chrono::NaiveDate;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};
use uuid::Uuid;

/// The types that a key column may have, for errors.
pub(super) const ACCEPTED: &str =
    "text, character varying, smallint, integer, bigint, timestamp with time zone, date, boolean, uuid";

/// The type of a key column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Text,
    Int2,
    Int4,
    Int8,
    Timestamptz,
    Date,
    Bool,
    Uuid,
}

impl KeyKind {
    /// The kind of a type as Postgres writes it.
    pub(super) fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "text" => Self::Text,
            name if name.starts_with("character varying") => Self::Text,
            "smallint" => Self::Int2,
            "integer" => Self::Int4,
            "bigint" => Self::Int8,
            "timestamp with time zone" => Self::Timestamptz,
            "date" => Self::Date,
            "boolean" => Self::Bool,
            "uuid" => Self::Uuid,
            _ => return None,
        })
    }

    /// What follows the column in ORDER BY, so that texts come in the order of their bytes.
    pub(super) const fn collation(self) -> &'static str {
        match self {
            Self::Text => " COLLATE \"C\"",
            _ => "",
        }
    }

    /// The order of two values.
    pub(super) fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        match self {
            Self::Text | Self::Bool | Self::Uuid => left.cmp(right),
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Timestamptz | Self::Date => {
                signed(left).cmp(&signed(right))
            }
        }
    }

    fn type_info(self) -> PgTypeInfo {
        match self {
            Self::Text => <String as Type<Postgres>>::type_info(),
            Self::Int2 => <i16 as Type<Postgres>>::type_info(),
            Self::Int4 => <i32 as Type<Postgres>>::type_info(),
            Self::Int8 => <i64 as Type<Postgres>>::type_info(),
            Self::Timestamptz => <Timestamp as Type<Postgres>>::type_info(),
            Self::Date => <NaiveDate as Type<Postgres>>::type_info(),
            Self::Bool => <bool as Type<Postgres>>::type_info(),
            Self::Uuid => <Uuid as Type<Postgres>>::type_info(),
        }
    }
}

/// A number of two, four or eight bytes, the sign in the first bit.
fn signed(bytes: &[u8]) -> i64 {
    let begin = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(begin, |number, byte| (number << 8) | i64::from(*byte))
}

/// A value of a key, to be sent back as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyValue {
    pub(super) kind: KeyKind,
    pub(super) bytes: Vec<u8>,
}

impl Type<Postgres> for KeyValue {
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info() // of no account: each value names its own
    }
}

impl Encode<'_, Postgres> for KeyValue {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.kind.type_info())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_ordered_as_numbers(left: i64, right: i64, a: i32, b: i32, c: i16, d: i16) {
            let of = |kind: KeyKind, left: &[u8], right: &[u8]| kind.compare(left, right);
            prop_assert_eq!(of(KeyKind::Int8, &left.to_be_bytes(), &right.to_be_bytes()), left.cmp(&right));
            prop_assert_eq!(of(KeyKind::Timestamptz, &left.to_be_bytes(), &right.to_be_bytes()), left.cmp(&right));
            prop_assert_eq!(of(KeyKind::Int4, &a.to_be_bytes(), &b.to_be_bytes()), a.cmp(&b));
            prop_assert_eq!(of(KeyKind::Date, &a.to_be_bytes(), &b.to_be_bytes()), a.cmp(&b));
            prop_assert_eq!(of(KeyKind::Int2, &c.to_be_bytes(), &d.to_be_bytes()), c.cmp(&d));
        }
    }

    #[test]
    fn every_type_is_known_or_refused() {
        assert_eq!(KeyKind::of("character varying(20)"), Some(KeyKind::Text));
        for refused in ["numeric", "double precision", "bytea", "text[]", "timestamp without time zone"] {
            assert_eq!(KeyKind::of(refused), None, "{refused}");
        }
        assert!(ACCEPTED.split(", ").all(|name| KeyKind::of(name).is_some()));
    }
}
