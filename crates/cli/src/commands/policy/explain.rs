//! `brainops policy explain`

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use brainops_event::types::tool::CallRequested;
use brainops_tools::{Policy, Question, arguments_digest, find, history};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::check::read;
use crate::context::Context;
use crate::exit::Exit;
use crate::tooling;

/// Says what a policy decides about a call that was asked for, and by which of its rules; beside it what was decided then.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops policy explain 0193a7c2-8d40-7f6e-b1d2-1f6c5d0e9a77\n  brainops policy explain 0193a7c2-8d40-7f6e-b1d2-1f6c5d0e9a77 \
                        --policy new-policy.cedar\n\nExit codes: 3 when it is decided otherwise than then, 4 when there is no such call."
)]
pub struct Arguments {
    /// Id of the call, as `tool calls` shows it.
    id: String,

    /// The policy; that in force when it is left out.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Explained {
    caller: String,
    tool: String,
    arguments: Value,
    arguments_digest: Option<String>,
    policy_digest: String,
    verdict: &'static str,
    policies: Vec<String>,
    errors: Vec<String>,
    then: Option<Then>,
}

/// What was decided when it was asked for.
#[derive(Debug, Serialize)]
struct Then {
    verdict: String,
    policies: Value,
    policy_digest: Value,
}

pub async fn run(context: &Context, Arguments { id, policy }: &Arguments) -> anyhow::Result<Exit> {
    let tools = tooling::toolbox(context)?;
    let (text, from) = read(context, policy.as_ref())?;
    let policy = Policy::read(&text, &tools).with_context(|| format!("the policy {from}"))?;
    let Some(call) = find(&context.pool().await?, id).await?.into_iter().next() else {
        context.output.talk("brainops: there is no call of this id; see `brainops tool calls`");
        return Ok(Exit::Unknown);
    };
    let life = history(&context.cluster()?, &context.registry()?, &call).await?;
    let Some(asked) = life.first() else { bail!("the log does not say any more what was asked for") };
    let asked: CallRequested = serde_json::from_value(asked.data.clone()).context("what was asked for")?;
    ensure!(tools.spec(&call.tool).is_some(), "there is no tool {:?} here", call.tool);
    let arguments: Value = serde_json::from_str(&asked.arguments).context("its arguments are no JSON")?;
    let default = &context.settings().tools.gate.environment;
    let decision = policy.decide(&Question {
        caller: &call.caller,
        tool: &call.tool,
        environment: arguments.get("environment").and_then(Value::as_str).unwrap_or(default),
        arguments: &arguments,
        at: call.recorded_at,
        calls_this_hour: call.calls_this_hour,
    });
    let then = life.iter().find_map(|told| {
        let verdict = match told.event_type.as_str() {
            "tool.call.authorized" => "permitted".to_owned(),
            "tool.call.denied" => told.data["reason_code"].as_str().unwrap_or_default().to_owned(),
            _ => return None,
        };
        let (policies, policy_digest) = (told.data["policies"].clone(), told.data["policy_digest"].clone());
        Some(Then { verdict, policies, policy_digest })
    });
    let explained = Explained {
        caller: call.caller.to_string(),
        tool: call.tool.clone(),
        arguments_digest: arguments_digest(&arguments),
        arguments,
        policy_digest: policy.digest().to_owned(),
        verdict: decision.verdict.as_str(),
        policies: decision.policies,
        errors: decision.errors,
        then,
    };
    context.output.answer(&explained, whole)?;
    let is_same = explained.then.as_ref().is_none_or(|then| then.verdict == explained.verdict);
    Ok(if is_same { Exit::Done } else { Exit::Differs })
}

fn whole(explained: &Explained) -> String {
    let mut text = format!("{} asks for {}\n", explained.caller, explained.tool);
    text.push_str(&format!("arguments   {}\n", explained.arguments));
    let by =
        if explained.policies.is_empty() { "no policy".to_owned() } else { explained.policies.join(", ") };
    text.push_str(&format!(
        "now         {} by {by}  (policy {})\n",
        explained.verdict, explained.policy_digest
    ));
    if let Some(then) = &explained.then {
        text.push_str(&format!(
            "then        {} by {}  (policy {})\n",
            then.verdict, then.policies, then.policy_digest
        ));
    }
    for error in &explained.errors {
        text.push_str(&format!("error       {error}\n"));
    }
    text
}
