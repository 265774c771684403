//! `brainops saga pause`

use brainops_saga::{Decide, Phase};
use clap::Args;

use super::acts::{Deciding, Which, decide};
use crate::context::Context;
use crate::exit::Exit;

/// Holds a saga: it reacts to nothing until it is resumed. Its inputs are kept, in order; its timers fire and wait like them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops saga pause lead-follow-up lead-7 --reason 'the customer is on holiday'\n\nExit codes: 1 when it \
                        cannot be paused, 3 when it has not taken the decision in time, 4 when there is no such saga."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(context: &Context, Arguments { which, deciding }: &Arguments) -> anyhow::Result<Exit> {
    let choose = |saga: &brainops_saga::Instance| match saga.phase {
        Phase::Ended => Err("has ended".to_owned()),
        _ if saga.book.paused => Err("is paused already".to_owned()),
        _ => Ok(Decide::Pause),
    };
    decide(context, (which, deciding), choose, |saga| saga.book.paused).await
}
