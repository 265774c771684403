//! `brainops tool call`

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use brainops_event::new_id;
use brainops_tools::{Call, CallName, CallState, Toolbox, asked_by_person, find, history};
use clap::Args;
use serde_json::{Map, Value};

use super::shown::{ShownLife, whole};
use crate::appending::{Patience, with_outbox};
use crate::commands::parked::By;
use crate::context::Context;
use crate::exit::Exit;
use crate::tooling;

/// How often is looked whether a call has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Asks the gate for a call, and waits for its end. Some process must run the role tools.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops tool call files.read root=main path=README.md lines=5\n  brainops tool call files.write \
                        --arguments '{\"root\": \"main\", \"path\": \"note.txt\", \"text\": \"hello\"}'\n\nExit codes: 3 when the call is \
                        denied, has failed, or nobody knows what became of it."
)]
pub struct Arguments {
    /// The tool, such as files.read; see `brainops tool list`.
    tool: String,

    /// Its arguments, each as name=value; a value is JSON where it can be, and text otherwise.
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,

    /// All of its arguments as JSON.
    #[arg(long, value_name = "JSON", conflicts_with = "fields")]
    arguments: Option<String>,

    /// Why, in a word such as bad_deployment, without personal data.
    #[arg(long, value_name = "WORD")]
    reason: Option<String>,

    /// How many seconds to wait for its end.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,

    #[command(flatten)]
    by: By,
}

pub async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<Exit> {
    let arguments = arguments(asked)?;
    tooling::toolbox(context).and_then(|tools| check(&tools, &asked.tool, &arguments))?;
    let (id, now) = (new_id(uuid::Uuid::now_v7()), chrono::Utc::now());
    let call = (asked.tool.as_str(), arguments.to_string(), asked.reason.clone());
    let (name, event) = asked_by_person(&asked.by.who()?, call, (id, now))?;
    with_outbox(context, Patience::of(60), async |outbox| {
        for answer in outbox.append_all(vec![event]).await {
            answer.context("the call was not asked for")?;
        }
        Ok(())
    })
    .await?;
    let Some(ended) = until_ended(context, &name, Duration::from_secs(asked.wait)).await? else {
        context.output.talk(&format!(
            "brainops: the call {} has not ended within {} s; does a process run the role tools? `brainops tool show` shows it",
            name.id, asked.wait
        ));
        return Ok(Exit::Failed);
    };
    let life = history(&context.cluster()?, &context.registry()?, &ended).await?;
    context.output.answer(&ShownLife::of(&ended, &life), whole)?;
    Ok(if ended.state == CallState::Completed { Exit::Done } else { Exit::Stopped })
}

fn arguments(asked: &Arguments) -> anyhow::Result<Value> {
    if let Some(text) = &asked.arguments {
        return serde_json::from_str(text).context("--arguments takes JSON of an object");
    }
    let mut fields = Map::new();
    for field in &asked.fields {
        let Some((name, value)) = field.split_once('=') else {
            bail!("{field:?} is not of the form name=value")
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        ensure!(fields.insert(name.to_owned(), value).is_none(), "{name} is given twice");
    }
    Ok(Value::Object(fields))
}

/// What the gate would refuse at once need not go through the log to be refused.
fn check(tools: &Toolbox, tool: &str, arguments: &Value) -> anyhow::Result<()> {
    let known = || tools.specs().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
    match tools.check(tool, arguments) {
        None => bail!("there is no tool {tool:?}, accepted are {}", known()),
        Some(checked) => checked.context("the tool does not take these arguments"),
    }
}

async fn until_ended(context: &Context, name: &CallName, wait: Duration) -> anyhow::Result<Option<Call>> {
    let (pool, began) = (context.pool().await?, Instant::now());
    while began.elapsed() < wait {
        let found = find(&pool, &name.id).await?.into_iter().find(|call| call.name == *name);
        if let Some(call) = found.filter(|call| call.ended_at.is_some()) {
            return Ok(Some(call));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}
