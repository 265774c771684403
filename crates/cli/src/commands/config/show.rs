//! `brainops config show`

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::settings::{EffectiveKey, effective};

/// Shows the configuration that is in force, and where each key came from; secrets stay in their files.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  brainops config show --json | jq .server.listen\n\n\
                        In JSON the sections stand as in the file, and `origins` says for each key `file`, `default`\nor the name \
                        of the variable that set it.")]
pub struct Arguments {}

pub fn run(context: &Context, Arguments {}: Arguments) -> anyhow::Result<Exit> {
    let keys = effective(&context.loaded).context("the configuration cannot be shown")?;
    context.output.answer(&nested(&keys), |_| table(context, &keys))?;
    Ok(Exit::Done)
}

fn nested(keys: &[EffectiveKey]) -> Value {
    let mut root = Map::new();
    for EffectiveKey { path, value, .. } in keys {
        insert(&mut root, path, value);
    }
    let origins: Map<String, Value> = keys.iter().map(|key| (key.path.join("."), json!(key.from))).collect();
    root.insert("origins".to_owned(), Value::Object(origins));
    Value::Object(root)
}

fn insert(object: &mut Map<String, Value>, path: &[String], value: &Value) {
    match path {
        [] => {}
        [last] => {
            object.insert(last.clone(), value.clone());
        }
        [first, rest @ ..] => {
            let inner = object.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn table(context: &Context, keys: &[EffectiveKey]) -> String {
    let file = context.loaded.file.as_ref().map_or("none".to_owned(), |file| file.display().to_string());
    let mut text = format!("file: {file}\n");
    let lines: Vec<(String, &str)> = keys
        .iter()
        .filter(|key| !key.value.is_null())
        .map(|key| (format!("{} = {}", key.path.join("."), key.value), key.from.as_str()))
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    for (line, from) in lines {
        text.push_str(&format!("{line:width$}  {from}\n"));
    }
    text
}
