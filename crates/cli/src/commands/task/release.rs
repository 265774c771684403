//! `brainops task release`

use anyhow::Context as _;
use brainops_event::parse_timestamp;
use clap::Args;

use super::which::{Claimed, refused, tasks, tell};
use crate::context::Context;
use crate::exit::Exit;

/// Gives a claimed task back undone, which is no failure.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops task release brainops/agent/lead-follow-up 5f0c… --epoch 1 --not-before \
                        2026-01-31T08:00:00Z\n\nExit codes: 3 when the claim does not count any more, 4 when there is no such task."
)]
pub struct Arguments {
    #[command(flatten)]
    claimed: Claimed,

    /// When it may be handed out again; at once when it is left out.
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
}

pub async fn run(context: &Context, Arguments { claimed, not_before }: &Arguments) -> anyhow::Result<Exit> {
    let claim = claimed.claim();
    let moment = not_before.as_deref().map(parse_timestamp).transpose();
    let moment = moment.context("--not-before takes a time in RFC 3339, such as 2026-01-31T08:00:00Z")?;
    match tasks(context).await?.release(&claim, moment).await {
        Ok(()) => tell(context, claim.task, ("open", not_before.clone())),
        Err(error) => refused(context, error),
    }
}
