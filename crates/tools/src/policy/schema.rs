//! What the policy's validator is told about tools: Cedar's schema, made from JSON Schema.

use cedar_policy::Schema;
use serde_json::{Map, Value, json};

use crate::name::CallerKind;
use crate::spec::{Effect, Spec};
use crate::toolbox::Toolbox;

/// The schema for these tools.
pub(super) fn schema(tools: &Toolbox) -> Result<Schema, String> {
    let mut actions = Map::new();
    for effect in Effect::ALL {
        actions.insert(effect.as_str().to_owned(), json!({}));
    }
    for spec in tools.specs() {
        actions.insert(spec.family().to_owned(), json!({}));
    }
    for spec in tools.specs() {
        actions.insert(spec.name.to_owned(), action(spec));
    }
    let kinds = CallerKind::ALL.into_iter().map(CallerKind::as_str).chain(["Environment"]);
    let entities: Map<String, Value> = kinds.map(|kind| (kind.to_owned(), json!({}))).collect();
    let schema = json!({ "": { "entityTypes": entities, "actions": actions } });
    Schema::from_json_value(schema).map_err(|error| error.to_string())
}

fn action(spec: &Spec) -> Value {
    let callers: Vec<&str> = CallerKind::ALL.into_iter().map(CallerKind::as_str).collect();
    let arguments =
        record(spec.arguments.as_value()).unwrap_or_else(|| json!({"type": "Record", "attributes": {}}));
    json!({
        "memberOf": [{ "id": spec.family() }, { "id": spec.effect.as_str() }],
        "appliesTo": {
            "principalTypes": callers,
            "resourceTypes": ["Environment"],
            "context": {
                "type": "Record",
                "attributes": {
                    "arguments": arguments,
                    "calls_this_hour": { "type": "Long" },
                    "hour": { "type": "Long" },
                    "weekday": { "type": "Long" },
                },
            },
        },
    })
}

/// An object as a record; its fields that policies cannot compare are left out of it.
pub(super) fn record(schema: &Value) -> Option<Value> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let is_required = |name: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|one| one == name))
    };
    let attributes: Map<String, Value> = properties
        .iter()
        .filter_map(|(name, schema)| {
            let mut attribute = attribute(schema)?;
            attribute["required"] = json!(is_required(name) && !may_be_null(schema));
            Some((name.clone(), attribute))
        })
        .collect();
    Some(json!({ "type": "Record", "attributes": attributes }))
}

fn attribute(schema: &Value) -> Option<Value> {
    match kind(schema)? {
        "string" => Some(json!({ "type": "String" })),
        "integer" => Some(json!({ "type": "Long" })),
        "boolean" => Some(json!({ "type": "Boolean" })),
        "array" => Some(json!({ "type": "Set", "element": attribute(schema.get("items")?)? })),
        "object" => record(schema),
        _ => None,
    }
}

/// The one type that it has beside null.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            let kind = kinds.next()?;
            kinds.next().is_none().then_some(kind)
        }
        _ => None,
    }
}

fn may_be_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_array).is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
}
