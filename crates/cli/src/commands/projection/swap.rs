//! `brainops projection swap`

use brainops_projection::rollback_target;
use clap::Args;

use super::deciding::{Terms, decide_to_show, or_unknown};
use crate::context::Context;
use crate::exit::Exit;

/// Shows another generation of a read model to its readers, while they read.
///
/// The generation must be whole and at least as far as the one that is shown; nobody sees half of the change. The one
/// that was shown goes on following the log, so that `brainops projection rollback` can show it again. The decision is
/// an event with your name, appended before anything is done.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection swap leads --to 3 --by kim --reason 'lost leads are counted again'\n\nExit \
                        codes: 1 when it was not done and readers see what they saw, 4 when there is no such read model or \
                        generation."
)]
pub struct Arguments {
    /// Name of the read model, such as leads.
    name: String,

    /// Number of the generation, as `brainops projection generations` shows it.
    #[arg(long, value_name = "N")]
    to: i32,

    #[command(flatten)]
    terms: Terms,
}

pub async fn run(context: &Context, Arguments { name, to, terms }: &Arguments) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    match rollback_target(&pool, name, Some(*to)).await {
        Ok(to) => decide_to_show(context, &pool, &to, terms).await,
        Err(error) => or_unknown(context.output, error),
    }
}
