//! Rows in the binary form of COPY, so that two of them are equal when their bytes are.
//!
//! Only `jsonb` has several spellings of one value (order of names, spaces): it is brought to one.

use brainops_projection::{ColumnType, Table};
use serde_json::Value;

/// Signature, flags and length of the extension, which is never there.
const HEADER_BYTES: usize = 19;

/// The rows of a whole binary COPY.
pub(crate) fn tuples_of_copy(table: &Table, copied: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = copied.get(HEADER_BYTES..).expect("a header");
    let mut tuples = Vec::new();
    while rest.get(..2) != Some((-1_i16).to_be_bytes().as_slice()) {
        let (tuple, after) = take_tuple(table, rest);
        tuples.push(tuple);
        rest = after;
    }
    tuples
}

/// The same rows, with one spelling of each value.
pub(crate) fn canonical(table: &Table, tuples: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    tuples.iter().map(|tuple| take_tuple(table, tuple).0).collect()
}

/// One row, and what comes after it.
fn take_tuple<'a>(table: &Table, bytes: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
    let (count, mut rest) = bytes.split_at_checked(2).expect("a number of columns");
    assert_eq!(
        count,
        u16::try_from(table.columns.len()).expect("few columns").to_be_bytes(),
        "of {}",
        table.name
    );
    let mut tuple = count.to_vec();
    for column in table.columns {
        let (length, after) = rest.split_first_chunk::<4>().expect("a length");
        let (value, after) = match usize::try_from(i32::from_be_bytes(*length)) {
            Ok(length) => after.split_at_checked(length).expect("a value of that length"),
            Err(_) => (&[][..], after), // NULL
        };
        if column.kind == ColumnType::Jsonb && !value.is_empty() {
            let one = one_spelling(value);
            tuple.extend_from_slice(&u32::try_from(one.len()).expect("a short value").to_be_bytes());
            tuple.extend_from_slice(&one);
        } else {
            tuple.extend_from_slice(length);
            tuple.extend_from_slice(value);
        }
        rest = after;
    }
    (tuple, rest)
}

/// The version byte, then the text with sorted names.
fn one_spelling(jsonb: &[u8]) -> Vec<u8> {
    let (version, text) = jsonb.split_first().expect("a version");
    let value: Value = serde_json::from_slice(text).expect("JSON");
    let mut one = vec![*version];
    write_sorted(&value, &mut one);
    one
}

fn write_sorted(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            for name in names {
                out.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
                write_sorted(&fields[name], out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            items.iter().for_each(|item| write_sorted(item, out));
            out.push(b']');
        }
        plain => out.extend_from_slice(plain.to_string().as_bytes()),
    }
    out.push(b',');
}
