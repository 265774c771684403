//! `brainops parked list`

use clap::Args;

use super::shown::{Subject, subjects_table};
use super::which;
use crate::context::Context;
use crate::exit::Exit;

/// Lists what read models have set aside: subject, first record, how many are held behind it, since when and why.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops parked list\n  brainops parked list leads --json | jq '.[].first'\n\nExit \
                        code 4 when there is no read model of that name."
)]
pub struct Arguments {
    /// One read model, such as leads; all when it is left out.
    read_model: Option<String>,
}

pub async fn run(context: &Context, Arguments { read_model }: &Arguments) -> anyhow::Result<Exit> {
    let parked = match which::all(&context.pool().await?, read_model.as_deref()).await? {
        Ok(parked) => parked,
        Err(reason) => {
            context.output.talk(&format!("brainops: {reason}"));
            return Ok(Exit::Unknown);
        }
    };
    let subjects: Vec<Subject> = parked.iter().map(Subject::of).collect();
    context.output.answer(&subjects, |subjects| subjects_table(subjects))?;
    Ok(Exit::Done)
}
