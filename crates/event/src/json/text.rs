//! JSON text, looked at one level at a time, so that what we do not read keeps its exact characters.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::field_error::FieldError;
use super::path::Path;

/// One level of JSON.
pub(crate) enum Level<'a> {
    Null,
    Bool(bool),
    /// The characters of the number.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<&'a RawValue>),
    Object(Members<'a>),
}

/// The members of an object in their order.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| *value)
    }

    /// The same, when `null` means that it is not there.
    pub(crate) fn get_non_null(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get() != "null")
    }
}

impl Level<'_> {
    /// What kind of value it is, for the eyes of a sender.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(text) if text.is_empty() => "an empty string",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a whole body: JSON in UTF-8, nested at most 127 deep, no member twice, numbers within a double's range.
pub(crate) fn read_body(body: &[u8]) -> Result<&RawValue, FieldError> {
    let refused = |found: String| {
        FieldError::new("body", "JSON in UTF-8, nested at most 127 deep, no member given twice", found)
    };
    let text = std::str::from_utf8(body)
        .map_err(|error| refused(format!("bytes that are not UTF-8 at byte {}", error.valid_up_to())))?;
    // Our own visitor takes any value, so what serde_json complains about is syntax: it repeats no value.
    let checked: Result<Checked, _> = serde_json::from_str(text);
    checked.map_err(|error| refused(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| refused(error.to_string()))
}

/// Looks at one level. What [`read_body`] has read, or a part of it, is never refused here.
pub(crate) fn level<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Level<'a>, FieldError> {
    let text = raw.get();
    let read = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str(text).map(Level::Object),
        Some(b'[') => serde_json::from_str(text).map(Level::Array),
        Some(b'"') => serde_json::from_str(text).map(|Borrowed(text)| Level::Text(text)),
        Some(b't') => Ok(Level::Bool(true)),
        Some(b'f') => Ok(Level::Bool(false)),
        Some(b'n') => Ok(Level::Null),
        _ => Ok(Level::Number(text)),
    };
    read.map_err(|_| FieldError::new(path.to_string(), "a JSON value", "something else"))
}

/// A string, borrowed when it holds no escapes.
struct Borrowed<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Borrowed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Borrowed<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Borrowed(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Borrowed(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Borrowed(name), value)) = object.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Takes any JSON and keeps nothing: skipping alone would not look into escapes, numbers and depth.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self, A::Error> {
        while array.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((Borrowed(name), Self)) = object.next_entry()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member that is given twice in one object"));
            }
        }
        Ok(self)
    }
}
