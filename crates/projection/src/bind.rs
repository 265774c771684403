//! Whole columns as parameters: the elements are encoded already, only the array's header is missing.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};

use crate::table::ColumnType;
use crate::value::{element_oid, encode_array_header};
use crate::writer::ColumnValues;

/// The values of one column as an array parameter.
pub(crate) struct ColumnArray {
    pub(crate) kind: ColumnType,
    pub(crate) values: ColumnValues,
}

impl Type<Postgres> for ColumnArray {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info() // each value names its own, see `produces`
    }
}

impl Encode<'_, Postgres> for ColumnArray {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        encode_array_header(element_oid(self.kind), self.values.count, self.values.has_null, buffer);
        buffer.extend_from_slice(&self.values.elements);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.kind {
            ColumnType::Text | ColumnType::TextArray => <Vec<String> as Type<Postgres>>::type_info(),
            ColumnType::Bool => <Vec<bool> as Type<Postgres>>::type_info(),
            ColumnType::Int4 => <Vec<i32> as Type<Postgres>>::type_info(),
            ColumnType::Int8 => <Vec<i64> as Type<Postgres>>::type_info(),
            ColumnType::Float8 => <Vec<f64> as Type<Postgres>>::type_info(),
            ColumnType::Timestamptz => <Vec<chrono::DateTime<chrono::Utc>> as Type<Postgres>>::type_info(),
            ColumnType::Jsonb => <Vec<serde_json::Value> as Type<Postgres>>::type_info(),
        })
    }

    fn size_hint(&self) -> usize {
        self.values.elements.len() + 20
    }
}
