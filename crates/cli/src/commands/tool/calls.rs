//! `brainops tool calls`

use brainops_tools::{CallFilter, CallState, list};
use clap::Args;

use super::shown::{ShownCall, table_of};
use crate::context::Context;
use crate::exit::Exit;

/// Lists calls of tools, the newest first: who asked, and what became of each.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops tool calls\n  brainops tool calls --state unknown\n  brainops --json tool calls --tool files.write | jq '.[].caller'"
)]
pub struct Arguments {
    /// Only of this tool.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,

    /// Only in this state.
    #[arg(long, value_name = "STATE", value_parser = CallState::ALL.map(CallState::as_str))]
    state: Option<String>,

    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub async fn run(context: &Context, Arguments { tool, state, limit }: &Arguments) -> anyhow::Result<Exit> {
    let filter = CallFilter {
        tool: tool.clone(),
        state: CallState::ALL.into_iter().find(|one| Some(one.as_str()) == state.as_deref()),
        limit: i64::from(*limit),
    };
    let calls: Vec<ShownCall> =
        list(&context.pool().await?, &filter).await?.iter().map(ShownCall::of).collect();
    context.output.answer(&calls, |calls| table_of(calls))?;
    if calls.len() == *limit as usize {
        context.output.talk(&format!("there may be more than these {limit}; see --limit"));
    }
    Ok(Exit::Done)
}
