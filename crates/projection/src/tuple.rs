//! Rows in the binary form of COPY, taken apart again so that people can read them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use crate::table::{Column, ColumnType, Table};

/// The bytes of each column of a row, `None` for NULL. Nothing when this is no row of the table.
pub(crate) fn columns<'a>(table: &Table, tuple: &'a [u8]) -> Option<Vec<Option<&'a [u8]>>> {
    let (count, mut rest) = tuple.split_first_chunk::<2>()?;
    if usize::from(u16::from_be_bytes(*count)) != table.columns.len() {
        return None;
    }
    let mut columns = Vec::with_capacity(table.columns.len());
    for _ in table.columns {
        columns.push(take_element(&mut rest)?);
    }
    rest.is_empty().then_some(columns)
}

/// A length and as many bytes; a negative length is NULL.
fn take_element<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = take_int(rest)?;
    let Ok(length) = usize::try_from(length) else { return Some(None) };
    let (element, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(Some(element))
}

fn take_int(rest: &mut &[u8]) -> Option<i32> {
    let (int, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(i32::from_be_bytes(*int))
}

/// The value of a column, as JSON; null as well when the bytes are none of its type, which the encoder never makes.
pub(crate) fn value(column: &Column, bytes: Option<&[u8]>) -> Value {
    bytes.and_then(|bytes| decode(column.kind, bytes)).unwrap_or(Value::Null)
}

fn decode(kind: ColumnType, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        ColumnType::Text => Value::from(std::str::from_utf8(bytes).ok()?),
        ColumnType::TextArray => Value::Array(texts(bytes)?),
        ColumnType::Bool => Value::from(*bytes.first()? != 0),
        ColumnType::Int4 => Value::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::Int8 => Value::from(i64::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::Float8 => {
            let number = f64::from_be_bytes(bytes.try_into().ok()?);
            // JSON has no name for those that are not finite.
            serde_json::Number::from_f64(number)
                .map_or_else(|| Value::from(number.to_string()), Value::Number)
        }
        ColumnType::Timestamptz => Value::from(moment(i64::from_be_bytes(bytes.try_into().ok()?))?),
        ColumnType::Jsonb => serde_json::from_slice(bytes.get(1..)?).ok()?, // behind the version
    })
}

/// Microseconds since 2000, as a time.
fn moment(micros: i64) -> Option<String> {
    let epoch: DateTime<Utc> = DateTime::from_timestamp(946_684_800, 0)?;
    let moment = epoch.checked_add_signed(TimeDelta::microseconds(micros))?;
    Some(moment.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// The elements of a `text[]` of one dimension, or of none.
fn texts(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let rest = &mut bytes;
    let (dimensions, _has_null, _element_type) = (take_int(rest)?, take_int(rest)?, take_int(rest)?);
    if dimensions == 0 {
        return Some(Vec::new());
    }
    let (count, _lower_bound) = (take_int(rest)?, take_int(rest)?);
    let text = |_| Some(Value::from(std::str::from_utf8(take_element(rest)??).ok()?));
    (0..count).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::WriteMode;
    use crate::writer::RowWriter;
    use serde_json::json;

    static OF_EVERY_TYPE: Table = Table {
        name: "of_every_type",
        columns: &[
            Column::required("text", ColumnType::Text),
            Column::required("texts", ColumnType::TextArray),
            Column::required("none", ColumnType::TextArray),
            Column::required("bool", ColumnType::Bool),
            Column::required("int4", ColumnType::Int4),
            Column::required("int8", ColumnType::Int8),
            Column::required("float8", ColumnType::Float8),
            Column::required("endless", ColumnType::Float8),
            Column::required("at", ColumnType::Timestamptz),
            Column::required("json", ColumnType::Jsonb),
            Column::optional("nothing", ColumnType::Text),
        ],
        key_columns: 1,
        mode: WriteMode::Append,
        month_partitioned_by: None,
    };

    #[test]
    fn what_the_writer_writes_is_read_back() {
        let at: DateTime<Utc> = "1999-12-31T23:59:59.000001Z".parse().unwrap();
        let texts = vec!["a \"b\"".to_owned(), String::new(), "{é}".to_owned()];
        let json = json!({"plan": ["pro", null, 1.5]});
        let mut writer = RowWriter::for_copy(&OF_EVERY_TYPE);
        let write = |out: &mut RowWriter| {
            out.put("é").put(&texts).put(&Vec::<String>::new()).put(&true).put(&-4_i32).put(&i64::MAX);
            out.put(&-0.25_f64).put(&f64::INFINITY).put(&at).put(&json).put(&None::<String>);
        };
        writer.write_row(write).unwrap();
        let tuple = writer.into_tuples();
        let found: Vec<Value> = OF_EVERY_TYPE
            .columns
            .iter()
            .zip(columns(&OF_EVERY_TYPE, &tuple).unwrap())
            .map(|(column, bytes)| value(column, bytes))
            .collect();
        let expected = json!([
            "é",
            texts,
            [],
            true,
            -4,
            i64::MAX,
            -0.25,
            "inf",
            "1999-12-31T23:59:59.000001Z",
            json,
            null
        ]);
        assert_eq!(Value::Array(found), expected);
        assert_eq!(columns(&OF_EVERY_TYPE, &tuple[..tuple.len() - 1]), None);
        assert_eq!(columns(&OF_EVERY_TYPE, &[tuple.as_slice(), &[0]].concat()), None);
    }
}
