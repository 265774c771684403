//! The question that is put to the policy.

use brainops_event::Timestamp;
use cedar_policy::{Context, RestrictedExpression};
use chrono::{Datelike as _, Timelike as _};
use serde_json::Value;

use super::ToolWords;
use crate::name::Caller;

/// A call that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// Name of the tool.
    pub tool: &'a str,
    /// The arguments, which the tool takes.
    pub arguments: &'a Value,
    /// Where.
    pub environment: &'a str,
    /// When the log recorded it.
    pub at: Timestamp,
    /// How many calls the caller has asked for in this hour, with this one.
    pub calls_this_hour: i64,
}

/// What the policies look at. Each value has the type that the schema says, or there is no question: so what the validator has
/// promised about the policies holds.
pub(super) fn context(
    question: &Question<'_>,
    ToolWords { arguments, .. }: &ToolWords,
) -> Result<Context, String> {
    let empty = || RestrictedExpression::new_record([]).map_err(|error| error.to_string());
    let arguments = arguments.as_ref().map_or_else(empty, |known| expression(question.arguments, known))?;
    let number = |number: u32| RestrictedExpression::new_long(i64::from(number));
    let pairs = [
        ("arguments".to_owned(), arguments),
        ("calls_this_hour".to_owned(), RestrictedExpression::new_long(question.calls_this_hour)),
        ("hour".to_owned(), number(question.at.hour())),
        ("weekday".to_owned(), number(question.at.weekday().number_from_monday())),
    ];
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// A value as the schema has it. Of a record, what the schema does not know is left out, and what is null is not there.
fn expression(value: &Value, known: &Value) -> Result<RestrictedExpression, String> {
    let other = || format!("a value is no {}", known["type"].as_str().unwrap_or("value"));
    match (known["type"].as_str(), value) {
        (Some("String"), Value::String(text)) => Ok(RestrictedExpression::new_string(text.clone())),
        (Some("Boolean"), Value::Bool(flag)) => Ok(RestrictedExpression::new_bool(*flag)),
        (Some("Long"), Value::Number(number)) => {
            number.as_i64().map(RestrictedExpression::new_long).ok_or_else(other)
        }
        (Some("Set"), Value::Array(items)) => {
            let items: Result<Vec<_>, _> =
                items.iter().map(|item| expression(item, &known["element"])).collect();
            Ok(RestrictedExpression::new_set(items?))
        }
        (Some("Record"), Value::Object(members)) => {
            let attributes = known["attributes"].as_object().ok_or_else(other)?;
            let mut pairs = Vec::with_capacity(attributes.len());
            for (name, attribute) in attributes {
                match members.get(name) {
                    Some(Value::Null) | None if attribute["required"] == true => {
                        return Err(format!("the argument {name} is missing"));
                    }
                    Some(Value::Null) | None => {}
                    Some(member) => pairs.push((name.clone(), expression(member, attribute)?)),
                }
            }
            RestrictedExpression::new_record(pairs).map_err(|error| error.to_string())
        }
        _ => Err(other()),
    }
}
