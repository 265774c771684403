//! `brainops tool show`

use brainops_tools::{find, history};
use clap::Args;

use super::shown::{ShownLife, whole};
use crate::context::Context;
use crate::exit::Exit;

/// Shows a call and what the log says of it: who asked, which policies decided, every attempt, and how it came out.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops tool show 0193a7c2-8d40-7f6e-b1d2-1f6c5d0e9a77\n\nExit code 4 when there is no such call."
)]
pub struct Arguments {
    /// Its id, as `tool calls` shows it.
    id: String,
}

pub async fn run(context: &Context, Arguments { id }: &Arguments) -> anyhow::Result<Exit> {
    let calls = find(&context.pool().await?, id).await?;
    if calls.is_empty() {
        context.output.talk("brainops: there is no call of this id; see `brainops tool calls`");
        return Ok(Exit::Unknown);
    }
    let (cluster, registry) = (context.cluster()?, context.registry()?);
    for call in calls {
        let life = history(&cluster, &registry, &call).await?;
        context.output.answer(&ShownLife::of(&call, &life), whole)?;
    }
    Ok(Exit::Done)
}
