//! `brainops task claim`

use brainops_task::{Kind, ShownTask, Worker};
use clap::Args;

use super::shown::whole;
use super::which::{Lasting, refused, tasks};
use crate::context::Context;
use crate::exit::Exit;

/// Takes the task whose turn it is: for as long as the lease lasts, nobody else gets it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops task claim review --worker reviewer-7\n  brainops --json task claim review follow_up --worker w-1 \
                        --lease 60 | jq '.epoch'\n\nExit code 4 when there is none now."
)]
pub struct Arguments {
    /// The kinds of tasks that the worker takes, such as follow_up.
    #[arg(required = true)]
    kinds: Vec<String>,

    /// Who works: an opaque id of a program or a person, never a name or an address.
    #[arg(long, value_name = "ID")]
    worker: String,

    #[command(flatten)]
    lasting: Lasting,
}

pub async fn run(
    context: &Context,
    Arguments { kinds, worker, lasting }: &Arguments,
) -> anyhow::Result<Exit> {
    let kinds = kinds.iter().map(Kind::new).collect::<Result<Vec<_>, _>>()?;
    let (worker, lease) = (Worker::new(worker)?, lasting.lease()?);
    match tasks(context).await?.claim(&kinds, &worker, lease).await {
        Ok(Some(claimed)) => {
            context.output.answer(&ShownTask::of(&claimed.task), whole)?;
            Ok(Exit::Done)
        }
        Ok(None) => {
            context.output.talk("brainops: there is no task of these kinds now");
            Ok(Exit::Unknown)
        }
        Err(error) => refused(context, error),
    }
}
