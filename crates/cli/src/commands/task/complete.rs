//! `brainops task complete`

use brainops_task::Outcome;
use clap::Args;

use super::which::{Claimed, refused, tasks, tell};
use crate::context::Context;
use crate::exit::Exit;

/// Says that a claimed task is done: whoever asked for it hears of it by an event.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops task complete brainops/agent/lead-follow-up 5f0c… --epoch 1 --outcome called --result \
                        '{\"minutes\": 4}'\n\nExit codes: 3 when the claim does not count any more or the task has ended, 4 when there is \
                        no such task."
)]
pub struct Arguments {
    #[command(flatten)]
    claimed: Claimed,

    /// How it came out, in a word of this kind of task, such as approved.
    #[arg(long, value_name = "WORD")]
    outcome: String,

    /// What came of it, as JSON without personal plain text.
    #[arg(long, value_name = "JSON")]
    result: Option<String>,
}

pub async fn run(
    context: &Context,
    Arguments { claimed, outcome, result }: &Arguments,
) -> anyhow::Result<Exit> {
    let (claim, outcome) = (claimed.claim(), Outcome::new(outcome, result.clone())?);
    match tasks(context).await?.complete(&claim, &outcome).await {
        Ok(()) => tell(context, claim.task, ("completed", None)),
        Err(error) => refused(context, error),
    }
}
