//! `brainops task cancel`

use brainops_task::Decider;
use clap::Args;

use super::which::{Which, refused, tasks, tell};
use crate::commands::parked::By;
use crate::context::Context;
use crate::exit::Exit;

/// Says that a task is not wanted any more: nobody gets it, and who has it cannot complete it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops task cancel brainops/agent/lead-follow-up 5f0c… --reason 'the lead is a test'\n\nExit codes: 3 when it \
                        has ended otherwise, 4 when there is no such task."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    by: By,
}

pub async fn run(context: &Context, Arguments { which, reason, by }: &Arguments) -> anyhow::Result<Exit> {
    let decider = Decider::new(by.who()?, reason)?;
    match tasks(context).await?.cancel(&which.name(), &decider).await {
        Ok(()) => tell(context, which.name(), ("cancelled", None)),
        Err(error) => refused(context, error),
    }
}
