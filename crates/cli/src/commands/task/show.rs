//! `brainops task show`

use brainops_task::{ShownTask, TaskError, find};
use clap::Args;

use super::shown::whole;
use super::which::{Which, refused};
use crate::context::Context;
use crate::exit::Exit;

/// Shows one task: what is to be done while it is open, who has it, and where it stands in the log.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops task show brainops/agent/lead-follow-up 5f0c…\n\nExit code 4 when there is no such task."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub async fn run(context: &Context, Arguments { which }: &Arguments) -> anyhow::Result<Exit> {
    match find(&context.pool().await?, &which.name()).await? {
        Some(task) => {
            context.output.answer(&ShownTask::of(&task), whole)?;
            Ok(Exit::Done)
        }
        None => refused(context, TaskError::Unknown { task: which.name() }),
    }
}
