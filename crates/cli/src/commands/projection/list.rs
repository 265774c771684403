//! `brainops projection list`

use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::overview::{all, models_table};

/// Lists the read models: generation, rows, how far behind the log, and whether they are followed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  brainops projection list --json\n\nExit code 3 when one has stopped.")]
pub struct Arguments {}

pub async fn run(context: &Context, Arguments {}: Arguments) -> anyhow::Result<Exit> {
    let models = all(&context.pool().await?, &context.cluster()?).await?;
    context.output.answer(&models, |models| models_table(models))?;
    Ok(Exit::of(&models))
}
