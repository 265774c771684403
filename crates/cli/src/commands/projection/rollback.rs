//! `brainops projection rollback`

use brainops_projection::rollback_target;
use clap::Args;

use super::deciding::{Terms, decide_to_show, or_unknown};
use crate::context::Context;
use crate::exit::Exit;

/// Shows the generation that was shown before, or another one that was.
///
/// It is as fresh as the one that is shown now, since it went on following the log.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection rollback leads --by kim --reason 'stages are wrong since this morning'\n\n\
                        Exit codes: 1 when it was not done and readers see what they saw, 4 when there is no such read model or \
                        generation."
)]
pub struct Arguments {
    /// Name of the read model, such as leads.
    name: String,

    /// Number of the generation. Default: the one that was replaced last.
    #[arg(long, value_name = "N")]
    to: Option<i32>,

    #[command(flatten)]
    terms: Terms,
}

pub async fn run(context: &Context, Arguments { name, to, terms }: &Arguments) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    match rollback_target(&pool, name, *to).await {
        Ok(to) => decide_to_show(context, &pool, &to, terms).await,
        Err(error) => or_unknown(context.output, error),
    }
}
