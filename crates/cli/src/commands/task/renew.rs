//! `brainops task renew`

use brainops_event::format_timestamp;
use clap::Args;

use super::which::{Claimed, Lasting, refused, tasks, tell};
use crate::context::Context;
use crate::exit::Exit;

/// Keeps a claimed task for longer: the lease lasts so long from now.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops task renew brainops/agent/lead-follow-up 5f0c… --epoch 1 --lease 600\n\nExit codes: 3 when the claim \
                        does not count any more, 4 when there is no such task."
)]
pub struct Arguments {
    #[command(flatten)]
    claimed: Claimed,

    #[command(flatten)]
    lasting: Lasting,
}

pub async fn run(context: &Context, Arguments { claimed, lasting }: &Arguments) -> anyhow::Result<Exit> {
    let claim = claimed.claim();
    match tasks(context).await?.renew(&claim, lasting.lease()?).await {
        Ok(until) => tell(context, claim.task, ("claimed", Some(format_timestamp(&until)))),
        Err(error) => refused(context, error),
    }
}
