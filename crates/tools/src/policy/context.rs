//! The question that is put to the policy.

use brainops_event::Timestamp;
use cedar_policy::{Context, EntityUid, Schema};
use chrono::{Datelike as _, Timelike as _};
use serde_json::{Map, Value, json};

use super::schema::record;
use crate::name::Caller;
use crate::spec::Spec;

/// A call that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// Name of the tool.
    pub tool: &'a str,
    /// The tool.
    pub spec: &'a Spec,
    /// The arguments, which the tool takes.
    pub arguments: &'a Value,
    /// Where.
    pub environment: &'a str,
    /// When the log recorded it.
    pub at: Timestamp,
    /// How many calls the caller has asked for in this hour, with this one.
    pub calls_this_hour: i64,
}

pub(super) fn context(
    question: &Question<'_>,
    schema: &Schema,
    action: &EntityUid,
) -> Result<Context, String> {
    let known = record(question.spec.arguments.as_value());
    let arguments = known.map_or_else(|| json!({}), |known| comparable(question.arguments, &known));
    let context = json!({
        "arguments": arguments,
        "calls_this_hour": question.calls_this_hour,
        "hour": question.at.hour(),
        "weekday": question.at.weekday().number_from_monday(),
    });
    Context::from_json_value(context, Some((schema, action))).map_err(|error| error.to_string())
}

/// The part of a value that the policy's schema knows; what is null is not there.
fn comparable(value: &Value, known: &Value) -> Value {
    let attributes = known.get("attributes").and_then(Value::as_object);
    let (Some(members), Some(attributes)) = (value.as_object(), attributes) else { return value.clone() };
    let kept: Map<String, Value> = members
        .iter()
        .filter(|(_, member)| !member.is_null())
        .filter_map(|(name, member)| Some((name.clone(), comparable(member, attributes.get(name)?))))
        .collect();
    Value::Object(kept)
}
