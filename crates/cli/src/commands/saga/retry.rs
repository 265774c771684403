//! `brainops saga retry`

use brainops_saga::{Decide, Instance};
use clap::Args;

use super::acts::{Deciding, Which, decide};
use crate::context::Context;
use crate::exit::Exit;

/// Lets a parked saga take the input at which it stands again, and then what has waited behind it.
///
/// After a new version of the program, or after what made the reaction fail is gone. With --skip that input is left out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops saga retry lead-follow-up lead-7 --reason 'mended in 1.4'\n  brainops saga retry incident-commander \
                        checkout --skip --reason 'a test alert'\n\nExit codes: 1 when it is not parked, 3 when it has not taken the decision \
                        in time, 4 when there is no\nsuch saga."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// Leave out the input at which it stands.
    #[arg(long)]
    skip: bool,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(context: &Context, Arguments { which, skip, deciding }: &Arguments) -> anyhow::Result<Exit> {
    let choose = |saga: &Instance| match &saga.book.parked {
        Some(parked) => Ok(Decide::Retry { input: parked.input.clone(), skip: *skip }),
        None => Err(format!("is not parked, it is {}", saga.status())),
    };
    decide(context, (which, deciding), choose, |_| true).await
}
