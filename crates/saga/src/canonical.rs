//! JSON in one way only, so that equal values are equal bytes.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};
use serde_json::{Serializer, Value};
use sha2::{Digest as _, Sha256};

use crate::refusal::Refusal;

/// The value as compact JSON whose objects have their keys in order, however `serde_json` was built.
pub(crate) fn text_of<T: Serialize + ?Sized>(value: &T) -> Result<String, Refusal> {
    ordered(value).map_or_else(|| sorted(value), Ok)
}

/// The value as JSON by way of a [`Value`], with its keys put in order.
fn sorted<T: Serialize + ?Sized>(value: &T) -> Result<String, Refusal> {
    let value = serde_json::to_value(value).map_err(|_| Refusal::new("not_json"))?;
    let mut text = String::new();
    write(&value, &mut text);
    Ok(text)
}

/// The value as JSON at once, when it tells its keys in order by itself; none where that is not certain.
fn ordered<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    let (mut text, mut order) = (Vec::with_capacity(256), Order::default());
    value.serialize(&mut Serializer::with_formatter(&mut text, &mut order)).ok()?;
    if order.is_uncertain { None } else { String::from_utf8(text).ok() }
}

/// Whether the value tells its keys in order by itself.
#[cfg(test)]
pub(crate) fn is_ordered<T: Serialize + ?Sized>(value: &T) -> bool {
    ordered(value).is_some()
}

/// Writes JSON as [`serde_json`] does, and watches the order of keys. What it writes otherwise than by way of a
/// [`Value`], or cannot compare, makes it uncertain.
#[derive(Debug, Default)]
struct Order {
    /// The last key of each object that is open, the innermost last.
    keys: Vec<Option<String>>,
    /// The key that is being written.
    key: Option<String>,
    is_uncertain: bool,
}

impl Order {
    fn passes<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        self.is_uncertain = true;
        out.write_all(text.as_bytes())
    }
}

impl Formatter for &mut Order {
    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.keys.push(None);
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.keys.pop();
        out.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.key = Some(String::new());
        if first { Ok(()) } else { out.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        let key = self.key.take();
        if let Some(last) = self.keys.last_mut() {
            self.is_uncertain |= *last >= key && last.is_some();
            *last = key;
        }
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        if let Some(key) = &mut self.key {
            key.push_str(text);
        }
        out.write_all(text.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.is_uncertain |= self.key.is_some();
        CompactFormatter.write_char_escape(out, escape)
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, out: &mut W, value: f32) -> io::Result<()> {
        self.is_uncertain = true; // a Value has it as f64, with more digits
        CompactFormatter.write_f32(out, value)
    }

    fn write_i128<W: ?Sized + io::Write>(&mut self, out: &mut W, value: i128) -> io::Result<()> {
        self.is_uncertain = true; // a Value refuses some
        CompactFormatter.write_i128(out, value)
    }

    fn write_u128<W: ?Sized + io::Write>(&mut self, out: &mut W, value: u128) -> io::Result<()> {
        self.is_uncertain = true;
        CompactFormatter.write_u128(out, value)
    }

    fn write_number_str<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        self.passes(out, text)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        self.passes(out, text)
    }

    fn write_bool<W: ?Sized + io::Write>(&mut self, out: &mut W, value: bool) -> io::Result<()> {
        self.is_uncertain |= self.key.is_some();
        CompactFormatter.write_bool(out, value)
    }
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
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn equal_values_are_equal_texts() {
        let one: Value = serde_json::from_str(r#"{"b": [1, {"d": null, "c": "\u0041"}], "a": 0.5}"#).unwrap();
        assert_eq!(text_of(&one).unwrap(), r#"{"a":0.5,"b":[1,{"c":"A","d":null}]}"#);
    }

    #[derive(Serialize)]
    struct OutOfOrder {
        b: u8,
        a: f64,
    }

    #[derive(Serialize)]
    struct Twice {
        name: &'static str,
        #[serde(flatten)]
        more: BTreeMap<&'static str, i64>,
    }

    #[derive(Serialize)]
    enum Kind {
        Unit,
        Of(Option<u64>),
    }

    /// The short way is taken only where it says the same as the long one.
    fn is_the_same<T: Serialize>(value: &T, is_short: bool) {
        let text = text_of(value).unwrap();
        assert_eq!(text, sorted(value).unwrap());
        assert_eq!(ordered(value).is_some(), is_short, "{text}");
    }

    #[test]
    fn what_tells_its_keys_in_order_is_written_at_once_and_all_is_written_the_same() {
        is_the_same(&OutOfOrder { b: 1, a: 0.1 }, false);
        is_the_same(&Twice { name: "x", more: BTreeMap::from([("name", 1), ("other", 2)]) }, false);
        is_the_same(&Twice { name: "x", more: BTreeMap::from([("other", 2), ("zeta", -3)]) }, true);
        is_the_same(&BTreeMap::from([("a", 1), ("A", 2), ("é", 3), ("", 4)]), true);
        is_the_same(&BTreeMap::from([(9, "nine"), (10, "ten")]), false);
        is_the_same(&BTreeMap::from([("a\n", 1)]), false);
        is_the_same(&BTreeMap::from([(true, 1)]), false);
        is_the_same(&(0.1_f32, 1), false);
        is_the_same(&(f64::NAN, 1.5e300, u64::MAX, i64::MIN, "\u{1}\"\\"), true);
        is_the_same(&vec![(Kind::Unit, Kind::Of(None)), (Kind::Of(Some(7)), Kind::Unit)], true);
        let nested = BTreeMap::from([("a", vec![OutOfOrder { b: 1, a: 2.0 }]), ("b", vec![])]);
        is_the_same(&nested, false);
        is_the_same(&BTreeMap::from([("z", BTreeMap::from([("a", 1)]))]), true);
    }

    #[test]
    fn parts_are_kept_apart() {
        let of = |parts: [&str; 2]| digest(parts.map(str::as_bytes));
        assert_ne!(of(["a", "bc"]), of(["ab", "c"]));
    }
}
