//! `brainops parked dismiss`

use brainops_projection::{Decide, decision_event};
use clap::Args;

use super::deciding::{Deciding, decide};
use super::which::{self, Which};
use crate::context::Context;
use crate::exit::Exit;

/// Leaves the first held record of a subject out of this read model for good, and folds what is behind it.
///
/// The record stays in the log. The decision is an event with your name and reason, and cannot be taken back.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops parked dismiss leads lead-7 --by kim --reason 'sent by mistake, corrected by \
                        lead-7 4712'\n\nExit codes: 1 when the decision came too late, 3 when nobody has carried it out in \
                        time, 4 when\nnothing of that name is parked."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(
    context: &Context,
    Arguments { which, reason, deciding }: &Arguments,
) -> anyhow::Result<Exit> {
    let by = deciding.by()?;
    let parked = match which::one(&context.pool().await?, which).await? {
        Ok(parked) => parked,
        Err(reason) => {
            context.output.talk(&format!("brainops: {reason}"));
            return Ok(Exit::Unknown);
        }
    };
    let decision = (parked.first.to_string(), decision_event(Decide::Dismiss(&parked), &by, reason)?);
    decide(context, deciding, &which.read_model, vec![decision]).await
}
