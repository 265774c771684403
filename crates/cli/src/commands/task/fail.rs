//! `brainops task fail`

use brainops_event::format_timestamp;
use brainops_task::Failed;
use clap::Args;

use super::which::{Claimed, refused, seconds, tasks, tell};
use crate::context::Context;
use crate::exit::Exit;

/// Says that a claimed task could not be done: it is handed out again after a while, or abandoned when it was tried too often.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops task fail brainops/agent/lead-follow-up 5f0c… --epoch 1 --reason 'nobody answers' --retry-after \
                        3600\n\nExit codes: 3 when the claim does not count any more or the task has ended, 4 when there is no such task."
)]
pub struct Arguments {
    #[command(flatten)]
    claimed: Claimed,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// After how many seconds it may be handed out again; longer each time when it is left out.
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<f64>,
}

pub async fn run(
    context: &Context,
    Arguments { claimed, reason, retry_after }: &Arguments,
) -> anyhow::Result<Exit> {
    let claim = claimed.claim();
    let pause = retry_after.map(|number| seconds("retry-after", number)).transpose()?;
    match tasks(context).await?.fail(&claim, reason, pause).await {
        Ok(Failed::Again { retry_at }) => {
            tell(context, claim.task, ("open", Some(format_timestamp(&retry_at))))
        }
        Ok(Failed::Abandoned) => tell(context, claim.task, ("abandoned", None)),
        Err(error) => refused(context, error),
    }
}
