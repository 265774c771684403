//! One JSON value that is not a list or an object, to Avro. What does not fit is told by what was found instead.

use apache_avro::Schema;
use apache_avro::schema::UuidSchema;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::binary::{write_bytes, write_count, write_long};
use super::text::Level;
use crate::time::{Timestamp, parse_timestamp, timestamp_from_millis};

const NUL: &str = "a string that holds U+0000";
const NOT_BASE64: &str = "a string that is not base64 with padding";

/// Writes the value, or says what it is instead of one of this schema.
pub(crate) fn encode(schema: &Schema, value: &Level<'_>, out: &mut Vec<u8>) -> Result<(), &'static str> {
    match (schema, value) {
        (Schema::Null, Level::Null) => {}
        (Schema::Boolean, Level::Bool(value)) => out.push(u8::from(*value)),
        (Schema::Int | Schema::Date | Schema::TimeMillis, Level::Number(digits)) => {
            write_long(out, i64::from(integer::<i32>(digits)?));
        }
        (Schema::TimestampMillis, Level::Number(digits)) => {
            let moment = timestamp_from_millis(integer(digits)?).filter(has_year_of_ours);
            write_long(out, moment.ok_or("a time outside of them")?.timestamp_millis());
        }
        (Schema::TimestampMillis, Level::Text(text)) => write_long(out, moment(text)?.timestamp_millis()),
        (schema, Level::Number(digits)) if is_long(schema) => write_long(out, integer(digits)?),
        (Schema::Float, Level::Number(digits)) => {
            out.extend_from_slice(&finite_single(digits)?.to_le_bytes())
        }
        (Schema::Double, Level::Number(digits)) => out.extend_from_slice(&finite(digits)?.to_le_bytes()),
        (Schema::String | Schema::Uuid(UuidSchema::String), Level::Text(text)) => {
            write_bytes(out, without_nul(text)?.as_bytes());
        }
        (Schema::Bytes, Level::Text(text)) => {
            write_bytes(out, &STANDARD.decode(&**text).map_err(|_| NOT_BASE64)?)
        }
        (Schema::Fixed(fixed) | Schema::Duration(fixed), Level::Text(text)) => {
            let bytes = STANDARD.decode(&**text).map_err(|_| NOT_BASE64)?;
            let fits = bytes.len() == fixed.size;
            out.extend_from_slice(fits.then_some(&bytes).ok_or("base64 of another number of bytes")?);
        }
        (Schema::Enum(symbols), Level::Text(text)) => {
            let place = symbols.symbols.iter().position(|symbol| symbol == text);
            write_count(out, place.ok_or("another string")?);
        }
        (_, other) => return Err(other.kind()),
    }
    Ok(())
}

/// A time of ours, from RFC 3339.
pub(crate) fn moment(text: &str) -> Result<Timestamp, &'static str> {
    let read = parse_timestamp(text).map_err(|_| "a string that is not such a time")?;
    if has_year_of_ours(&read) { Ok(read) } else { Err("a time outside of them") }
}

/// RFC 3339 knows the year 0, PostgreSQL and most calendars do not.
fn has_year_of_ours(moment: &Timestamp) -> bool {
    chrono::Datelike::year(moment) >= 1
}

fn is_long(schema: &Schema) -> bool {
    matches!(
        schema,
        Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos
    )
}

fn integer<I: std::str::FromStr>(digits: &str) -> Result<I, &'static str> {
    digits.parse().map_err(|_| "another number")
}

fn finite(digits: &str) -> Result<f64, &'static str> {
    digits.parse().ok().filter(|value: &f64| value.is_finite()).ok_or("a number beyond its range")
}

fn finite_single(digits: &str) -> Result<f32, &'static str> {
    digits.parse().ok().filter(|value: &f32| value.is_finite()).ok_or("a number beyond its range")
}

/// PostgreSQL holds no text with U+0000, so no event may bring one.
fn without_nul(text: &str) -> Result<&str, &'static str> {
    if text.contains('\0') { Err(NUL) } else { Ok(text) }
}
