//! `brainops policy test`

use std::path::PathBuf;

use anyhow::Context as _;
use brainops_tools::{Cases, Policy};
use clap::Args;
use serde::Serialize;

use super::check::read;
use crate::context::Context;
use crate::exit::Exit;
use crate::tooling;

/// Puts a table of calls to a policy, and says where it decides otherwise than the table expects.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops policy test cases.toml --policy new-policy.cedar\n\nA case is\n  [[case]]\n  caller = \"Agent::devops\"\n  tool = \
                        \"files.read\"\n  arguments = { root = \"main\", path = \"README.md\" }\n  expect = \"permitted\"   # or not_permitted, \
                        forbidden\n  because = [\"agents-read\"]   # may be left out, as may environment, at and calls_this_hour\n\nExit code 3 when a case comes out otherwise."
)]
pub struct Arguments {
    /// The table, in TOML.
    cases: PathBuf,

    /// The policy; that in force when it is left out.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Tried {
    case: usize,
    caller: String,
    tool: String,
    expect: String,
    found: String,
    policies: Vec<String>,
    is_expected: bool,
}

pub fn run(context: &Context, Arguments { cases, policy }: &Arguments) -> anyhow::Result<Exit> {
    let tools = tooling::toolbox(context)?;
    let (text, from) = read(context, policy.as_ref())?;
    let policy = Policy::read(&text, &tools).with_context(|| format!("the policy {from}"))?;
    let name = cases.display().to_string();
    let text = std::fs::read_to_string(cases).with_context(|| format!("{name} cannot be read"))?;
    let cases: Cases = toml::from_str(&text).with_context(|| format!("{name} is no table of cases"))?;
    let environment = &context.settings().tools.gate.environment;
    let mut tried = Vec::new();
    for (place, case) in cases.case.iter().enumerate() {
        let outcome =
            case.put(&policy, &tools, environment).with_context(|| format!("case {}", place + 1))?;
        tried.push(Tried {
            case: place + 1,
            caller: case.caller.clone(),
            tool: case.tool.clone(),
            expect: case.expect.clone(),
            found: outcome.decision.verdict.as_str().to_owned(),
            policies: outcome.decision.policies,
            is_expected: outcome.is_expected,
        });
    }
    let failed = tried.iter().filter(|one| !one.is_expected).count();
    context.output.answer(&tried, |tried| {
        let mut text: String = tried.iter().filter(|one| !one.is_expected).map(line).collect();
        text.push_str(&format!("{} cases, {failed} come out otherwise\n", tried.len()));
        text
    })?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Differs })
}

fn line(Tried { case, caller, tool, expect, found, policies, .. }: &Tried) -> String {
    format!("case {case}: {caller} {tool} is {found} ({}), expected is {expect}\n", policies.join(", "))
}
