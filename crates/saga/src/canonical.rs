//! JSON in one way only, so that equal values are equal bytes.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::refusal::Refusal;

/// The value as compact JSON whose objects have their keys in order, however `serde_json` was built.
pub(crate) fn text_of<T: Serialize + ?Sized>(value: &T) -> Result<String, Refusal> {
    let value = serde_json::to_value(value).map_err(|_| Refusal::new("not_json"))?;
    let mut text = String::new();
    write(&value, &mut text);
    Ok(text)
}

fn write(value: &Value, into: &mut String) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            listed(into, ('{', '}'), members, |(key, member), into| {
                // writing to a string cannot fail
                let _ = write!(into, "{}:", Value::from(key.as_str()));
                write(member, into);
            });
        }
        Value::Array(items) => listed(into, ('[', ']'), items.iter().collect(), write),
        scalar => {
            let _ = write!(into, "{scalar}");
        }
    }
}

fn listed<T>(into: &mut String, (open, close): (char, char), items: Vec<T>, one: impl Fn(T, &mut String)) {
    into.push(open);
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            into.push(',');
        }
        one(item, into);
    }
    into.push(close);
}

/// SHA-256 over texts, each with its length before it.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_texts() {
        let one: Value = serde_json::from_str(r#"{"b": [1, {"d": null, "c": "\u0041"}], "a": 0.5}"#).unwrap();
        assert_eq!(text_of(&one).unwrap(), r#"{"a":0.5,"b":[1,{"c":"A","d":null}]}"#);
    }

    #[test]
    fn parts_are_kept_apart() {
        let of = |parts: [&str; 2]| digest(parts.map(str::as_bytes));
        assert_ne!(of(["a", "bc"]), of(["ab", "c"]));
    }
}
