//! Reads column values that have a type of their own.

use std::error::Error;
use std::str::FromStr;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// The value of a text column, parsed.
pub(crate) fn parsed<T>(row: &PgRow, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(column)?
        .parse()
        .map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) })
}
