//! Reads a foreign JSON document field by field, so that what is wrong is named by its path and never repeated.
use brainops_event::{Timestamp, parse_timestamp};
use serde_json::{Map, Value};

use crate::problem::FieldProblem;

/// An object in the document, and the path that leads to it (empty for the document itself).
#[derive(Clone, Debug)]
pub struct Object<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// The document itself, which must be an object.
    pub fn root(document: &'a Value) -> Result<Self, FieldProblem> {
        Self::at(String::new(), Some(document))
            .map_err(|error| FieldProblem { field: "body".to_owned(), ..error })
    }

    fn at(path: String, value: Option<&'a Value>) -> Result<Self, FieldProblem> {
        match value {
            Some(Value::Object(map)) => Ok(Self { path, map }),
            other => Err(FieldProblem::new(path, "object", kind(other))),
        }
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// An error about the field `name` of this object.
    pub fn wrong(&self, name: &str, expected: impl Into<String>, found: impl Into<String>) -> FieldProblem {
        FieldProblem::new(self.path(name), expected, found)
    }

    fn mismatch(&self, name: &str, expected: &str) -> FieldProblem {
        self.wrong(name, expected, kind(self.map.get(name)))
    }

    pub fn object(&self, name: &str) -> Result<Object<'a>, FieldProblem> {
        Self::at(self.path(name), self.map.get(name))
    }

    /// The object, or nothing when the field is missing, null or not an object.
    pub fn object_if_any(&self, name: &str) -> Option<Object<'a>> {
        self.object(name).ok()
    }

    /// Every element of an array of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<Object<'a>>, FieldProblem> {
        let Some(Value::Array(items)) = self.map.get(name) else {
            return Err(self.mismatch(name, "array of objects"));
        };
        let path = self.path(name);
        items
            .iter()
            .enumerate()
            .map(|(index, item)| Self::at(format!("{path}[{index}]"), Some(item)))
            .collect()
    }

    /// Text that is not empty.
    pub fn text(&self, name: &str) -> Result<&'a str, FieldProblem> {
        match self.map.get(name) {
            Some(Value::String(text)) if text.is_empty() => Err(self.wrong(name, "text", "empty text")),
            Some(Value::String(text)) => self.without_nul(name, text),
            _ => Err(self.mismatch(name, "text")),
        }
    }

    /// Text, or nothing when the field is missing, null or empty.
    pub fn optional_text(&self, name: &str) -> Result<Option<&'a str>, FieldProblem> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => self.without_nul(name, text).map(Some),
            _ => Err(self.mismatch(name, "text or null")),
        }
    }

    /// No read model can hold the character NUL, so it goes no further than here.
    fn without_nul(&self, name: &str, text: &'a str) -> Result<&'a str, FieldProblem> {
        if text.contains('\0') {
            Err(self.wrong(name, "text without the character NUL", "NUL"))
        } else {
            Ok(text)
        }
    }

    pub fn boolean(&self, name: &str) -> Result<bool, FieldProblem> {
        self.map.get(name).and_then(Value::as_bool).ok_or_else(|| self.mismatch(name, "true or false"))
    }

    /// A whole number that is not negative.
    pub fn number(&self, name: &str) -> Result<u64, FieldProblem> {
        self.map.get(name).and_then(Value::as_u64).ok_or_else(|| self.mismatch(name, "whole number"))
    }

    /// A moment in RFC 3339.
    pub fn moment(&self, name: &str) -> Result<Timestamp, FieldProblem> {
        let expected = "time in RFC 3339, such as 2026-01-31T12:00:00Z";
        let text =
            self.text(name).map_err(|error| FieldProblem { expected: expected.to_owned(), ..error })?;
        parse_timestamp(text).map_err(|_| self.wrong(name, expected, "other text"))
    }

    /// Refuses fields that nobody asked for.
    pub fn only(&self, names: &[&str]) -> Result<(), FieldProblem> {
        match self.map.keys().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => {
                Err(self.wrong(unknown, format!("only {}", names.join(", ")), "an unknown field"))
            }
            None => Ok(()),
        }
    }

    /// Whether the field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Every field of this object as text.
    pub fn texts(&self) -> Result<Vec<(&'a str, &'a str)>, FieldProblem> {
        let each = |(name, value): (&'a String, &'a Value)| match value {
            Value::String(text) => self.without_nul(name, text).map(|text| (name.as_str(), text)),
            other => Err(self.wrong(name, "text", kind(Some(other)))),
        };
        self.map.iter().map(each).collect()
    }
}

/// What a value is, in words.
fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "text",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error<T: std::fmt::Debug>(result: Result<T, FieldProblem>) -> (String, String, String) {
        let error = result.unwrap_err();
        (error.field, error.expected, error.found)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let document = json!({"a": {"list": [{"n": 1}, 7], "empty": "", "when": "yesterday"}, "flag": "no"});
        let root = Object::root(&document).unwrap();
        let inner = root.object("a").unwrap();
        for (found, field, expected, what) in [
            (error(root.object("b")), "b", "object", "nothing"),
            (error(root.boolean("flag")), "flag", "true or false", "text"),
            (error(inner.objects("list")), "a.list[1]", "object", "a number"),
            (error(inner.text("empty")), "a.empty", "text", "empty text"),
            (error(inner.number("empty")), "a.empty", "whole number", "text"),
            (error(root.object("a").unwrap().text("none")), "a.none", "text", "nothing"),
        ] {
            assert_eq!(found, (field.to_owned(), expected.to_owned(), what.to_owned()));
        }
        assert_eq!(error(inner.moment("when")).2, "other text");
        assert_eq!(
            error(Object::root(&json!([]))),
            ("body".to_owned(), "object".to_owned(), "an array".to_owned())
        );
    }

    #[test]
    fn the_offending_value_is_never_repeated() {
        let document = json!({"when": "alice@example.org"});
        let refused = Object::root(&document).unwrap().moment("when").unwrap_err();
        assert!(!format!("{refused:?}").contains("alice"));
    }

    #[test]
    fn moments_come_with_any_offset() {
        let document = json!({"when": "2026-01-31T13:00:00.5+01:00"});
        let moment = Object::root(&document).unwrap().moment("when").unwrap();
        assert_eq!(moment.to_rfc3339(), "2026-01-31T12:00:00.500+00:00");
    }
}
