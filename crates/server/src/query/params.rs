//! Reads what stands behind the question mark: known names only, each at most once, each within its bounds.
use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::Uri;
use brainops_event::{Timestamp, parse_timestamp};
use chrono::NaiveDate;

use crate::problem::{FieldProblem, Problem};

/// The longest value, bytes.
const MAX_VALUE_BYTES: usize = 2_048;
/// The longest moment, which may be a frontier of many partitions, bytes.
const MAX_MOMENT_BYTES: usize = 16_384;

/// The parameters of a question.
#[derive(Clone, Debug)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Takes the parameters when all of them are among `known`.
    pub fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let refuse = |name: &str, expected: String, found: &str| {
            Problem::parameter(FieldProblem::new(name.chars().take(64).collect::<String>(), expected, found))
        };
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| refuse("query", "name=value pairs".to_owned(), "something else"))?;
        let mut taken = BTreeMap::new();
        for (name, value) in pairs.0 {
            if !known.contains(&name.as_str()) {
                return Err(refuse(&name, format!("only {}", known.join(", ")), "an unknown parameter"));
            }
            let longest = if name == "as_of" { MAX_MOMENT_BYTES } else { MAX_VALUE_BYTES };
            if value.is_empty() || value.len() > longest || value.contains('\0') {
                let expected = format!("1 to {longest} bytes without NUL");
                return Err(refuse(&name, expected, "another value"));
            }
            if taken.insert(name.clone(), value).is_some() {
                return Err(refuse(&name, "the parameter once".to_owned(), "the parameter twice"));
            }
        }
        Ok(Self(taken))
    }

    /// The value, when the parameter is there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| Problem::parameter(FieldProblem::new(name, "a value", "nothing")))
    }

    /// One of these words, when the parameter is there.
    pub fn word(&self, name: &str, accepted: &[&str]) -> Result<Option<&str>, Problem> {
        match self.text(name) {
            Some(text) if !accepted.contains(&text) => {
                Err(Problem::parameter(FieldProblem::new(name, accepted.join(", "), "another word")))
            }
            other => Ok(other),
        }
    }

    /// A day such as 2026-01-31, when the parameter is there.
    pub fn day(&self, name: &str) -> Result<Option<NaiveDate>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let day =
            NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == "2026-01-31".len());
        match day {
            Some(day) => Ok(Some(day)),
            None => {
                Err(Problem::parameter(FieldProblem::new(name, "a day such as 2026-01-31", "something else")))
            }
        }
    }

    /// How many rows at most: 1 to `most`, `most` when the parameter is not there.
    pub fn limit(&self, default: i64, most: i64) -> Result<i64, Problem> {
        let Some(text) = self.text("limit") else { return Ok(default) };
        let accepted = text.parse::<i64>().ok().filter(|limit| (1..=most).contains(limit));
        accepted.ok_or_else(|| {
            Problem::parameter(FieldProblem::new(
                "limit",
                format!("a whole number from 1 to {most}"),
                "something else",
            ))
        })
    }
}

/// A moment that one of our own answers wrote.
pub fn moment(text: &str) -> Option<Timestamp> {
    parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["service", "limit", "from"];

    fn field_of(query: &str) -> Result<Params, String> {
        let uri = format!("/deployments?{query}").parse().unwrap();
        Params::of(&uri, KNOWN).map_err(|problem| problem.errors()[0].field.clone())
    }

    #[test]
    fn what_is_not_known_or_said_twice_is_refused() {
        assert!(field_of("").is_ok());
        assert_eq!(field_of("service=a%20b&limit=3").unwrap().text("service"), Some("a b"));
        for (query, field) in [
            ("servce=a", "servce"),
            ("service=a&service=b", "service"),
            ("service=", "service"),
            ("service=%00", "service"),
            ("password", "password"),
        ] {
            assert_eq!(field_of(query).unwrap_err(), field, "{query}");
        }
        let long = format!("service={}", "x".repeat(2_049));
        assert_eq!(field_of(&long).unwrap_err(), "service");
    }

    #[test]
    fn limits_have_bounds() {
        for (query, limit) in [("", Some(7)), ("limit=1", Some(1)), ("limit=10", Some(10))] {
            assert_eq!(field_of(query).unwrap().limit(7, 10).ok(), limit, "{query}");
        }
        for text in ["0", "-1", "11", "9223372036854775808", "1.5", "x", "+%201"] {
            assert!(field_of(&format!("limit={text}")).unwrap().limit(7, 10).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_days() {
        assert!(field_of("from=2026-01-31").unwrap().day("from").unwrap().is_some());
        for text in ["2026-02-30", "2026-1-31", "yesterday", "2026-01-31T00:00:00Z", "+262000-01-01"] {
            assert!(field_of(&format!("from={text}")).unwrap().day("from").is_err(), "{text}");
        }
    }
}
