//! `brainops parked retry`

use brainops_event::Outgoing;
use brainops_projection::{Decide, ParkedSubject, decision_event};
use clap::Args;

use super::deciding::{Deciding, decide};
use super::which::{self, Choice};
use crate::context::Context;
use crate::exit::Exit;

/// What a retry is for, when nobody says more.
const REASON: &str = "the cause is gone";

/// Folds what is held again, in order: after a new version of the program, or after a schema was registered.
///
/// A record that fails again stays parked, with all behind it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops parked retry leads lead-7\n  brainops parked retry leads --all --by kim --reason \
                        'schema 12 is registered now'\n\nExit codes: 1 when the decision came too late, 3 when nobody has \
                        carried it out in time, 4 when\nnothing of that name is parked."
)]
pub struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT", default_value = REASON)]
    reason: String,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { choice, reason, deciding } = arguments;
    let by = deciding.by()?;
    let parked = match which::chosen(&context.pool().await?, choice).await? {
        Ok(parked) => parked,
        Err(reason) => {
            context.output.talk(&format!("brainops: {reason}"));
            return Ok(Exit::Unknown);
        }
    };
    let decision = |one: &ParkedSubject| -> anyhow::Result<(String, Outgoing)> {
        Ok((one.first.to_string(), decision_event(Decide::Retry(one), &by, reason)?))
    };
    let decisions = parked.iter().map(decision).collect::<anyhow::Result<Vec<_>>>()?;
    decide(context, deciding, &choice.read_model, decisions).await
}
