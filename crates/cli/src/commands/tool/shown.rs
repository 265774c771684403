//! What is shown of calls.

use brainops_event::format_timestamp;
use brainops_tools::{Call, Told};
use serde::Serialize;
use serde_json::Value;

use crate::overview::table;

/// A call as programs see it.
#[derive(Debug, Serialize)]
pub struct ShownCall {
    pub source: String,
    pub id: String,
    pub tool: String,
    pub caller: String,
    pub about: String,
    pub state: &'static str,
    pub attempt: i32,
    pub recorded_at: String,
    pub ended_at: Option<String>,
}

impl ShownCall {
    pub fn of(call: &Call) -> Self {
        Self {
            source: call.name.source.clone(),
            id: call.name.id.clone(),
            tool: call.tool.clone(),
            caller: call.caller.to_string(),
            about: call.subject.clone(),
            state: call.state.as_str(),
            attempt: call.attempt,
            recorded_at: format_timestamp(&call.recorded_at),
            ended_at: call.ended_at.as_ref().map(format_timestamp),
        }
    }
}

/// A call with its life.
#[derive(Debug, Serialize)]
pub struct ShownLife {
    #[serde(flatten)]
    pub call: ShownCall,
    pub events: Vec<ShownEvent>,
}

/// One event of it.
#[derive(Debug, Serialize)]
pub struct ShownEvent {
    pub event_type: String,
    pub position: String,
    pub recorded_at: String,
    pub data: Value,
}

impl ShownLife {
    pub fn of(call: &Call, life: &[Told]) -> Self {
        let event = |told: &Told| ShownEvent {
            event_type: told.event_type.clone(),
            position: told.position.to_string(),
            recorded_at: format_timestamp(&told.recorded_at),
            data: told.data.clone(),
        };
        Self { call: ShownCall::of(call), events: life.iter().map(event).collect() }
    }
}

/// Calls, one a line.
pub fn table_of(calls: &[ShownCall]) -> String {
    if calls.is_empty() {
        return "there are none\n".to_owned();
    }
    let mut table = table(&["recorded at", "tool", "caller", "state", "attempts", "about", "id"], &[4]);
    for call in calls {
        table.add_row([
            call.recorded_at.clone(),
            call.tool.clone(),
            call.caller.clone(),
            call.state.to_owned(),
            call.attempt.to_string(),
            call.about.clone(),
            call.id.clone(),
        ]);
    }
    format!("{table}\n")
}

/// A call and what the log says of it.
pub fn whole(ShownLife { call, events }: &ShownLife) -> String {
    let mut text = format!("{} by {}: {}\n", call.tool, call.caller, call.state);
    text.push_str(&format!("id          {} of {}\n", call.id, call.source));
    text.push_str(&format!("about       {}\n\n", call.about));
    for event in events {
        text.push_str(&format!("{}  {}  ({})\n", event.recorded_at, event.event_type, event.position));
        text.push_str(&details(&event.data));
    }
    text
}

/// The fields of an event that say more than whose call it is; a text of JSON is shown as it is.
fn details(data: &Value) -> String {
    const KNOWN: [&str; 4] = ["call_source", "call_id", "call_subject", "tool"];
    let fields = data.as_object().into_iter().flatten();
    let telling = fields.filter(|(name, value)| !KNOWN.contains(&name.as_str()) && !value.is_null());
    telling
        .map(|(name, value)| match value {
            Value::String(text) => format!("    {name:<17} {text}\n"),
            other => format!("    {name:<17} {other}\n"),
        })
        .collect()
}
