//! `brainops saga resume`

use brainops_saga::{Decide, Instance};
use clap::Args;

use super::acts::{Deciding, Which, decide};
use crate::context::Context;
use crate::exit::Exit;

/// Lets a paused saga go on: it takes what has waited for it, in order.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops saga resume lead-follow-up lead-7 --reason 'back from holiday'\n\nExit codes: 1 when it is not \
                        paused, 3 when it has not taken the decision in time, 4 when there is no such saga."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(context: &Context, Arguments { which, deciding }: &Arguments) -> anyhow::Result<Exit> {
    let choose = |saga: &Instance| match saga.book.paused {
        true => Ok(Decide::Resume),
        false => Err(format!("is not paused, it is {}", saga.status())),
    };
    decide(context, (which, deciding), choose, |saga| !saga.book.paused).await
}
