//! `brainops tool list`

use brainops_tools::Spec;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::exit::Exit;
use crate::tooling;

/// Lists the tools: what each changes in the world, whether it may be done twice, and what it has to be told.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops tool list\n  brainops tool list files.read\n  brainops --json tool list | jq '.[].name'"
)]
pub struct Arguments {
    /// One tool, such as files.read; all when it is left out.
    name: Option<String>,
}

/// A tool as programs see it.
#[derive(Debug, Serialize)]
struct Shown {
    name: &'static str,
    effect: &'static str,
    repeat: &'static str,
    summary: &'static str,
    arguments: Value,
}

impl Shown {
    fn of(spec: &Spec) -> Self {
        Self {
            name: spec.name,
            effect: spec.effect.as_str(),
            repeat: spec.repeat.as_str(),
            summary: spec.summary,
            arguments: spec.arguments.as_value().clone(),
        }
    }
}

pub fn run(context: &Context, Arguments { name }: &Arguments) -> anyhow::Result<Exit> {
    let tools = tooling::toolbox(context)?;
    let wanted = |spec: &&Spec| name.as_ref().is_none_or(|name| name == spec.name);
    let shown: Vec<Shown> = tools.specs().filter(wanted).map(Shown::of).collect();
    if shown.is_empty() {
        context.output.talk("brainops: there is no such tool; see `brainops tool list`");
        return Ok(Exit::Unknown);
    }
    context.output.answer(&shown, |shown| shown.iter().map(text).collect::<Vec<_>>().join("\n"))?;
    Ok(Exit::Done)
}

fn text(Shown { name, effect, repeat, summary, arguments }: &Shown) -> String {
    let mut text = format!("{name}  ({effect}, {repeat})\n  {summary}\n");
    let required = arguments["required"].as_array().cloned().unwrap_or_default();
    for (argument, schema) in arguments["properties"].as_object().into_iter().flatten() {
        let kind = match &schema["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
                kinds.collect::<Vec<_>>().join(" or ")
            }
            _ => "any".to_owned(),
        };
        let must = if required.iter().any(|one| one == argument) { "" } else { ", may be left out" };
        let description = schema["description"].as_str().unwrap_or_default();
        text.push_str(&format!("    {argument}: {kind}{must}. {description}\n"));
    }
    text
}
