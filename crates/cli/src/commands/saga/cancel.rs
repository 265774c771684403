//! `brainops saga cancel`

use brainops_saga::{Decide, Instance, Phase};
use clap::Args;

use super::acts::{Deciding, Which, decide};
use crate::context::Context;
use crate::exit::Exit;

/// Ends a saga: the steps that it has begun are undone, the last one first, and then it has ended.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops saga cancel lead-follow-up lead-7 --reason 'asked to be left alone'\n\nExit codes: 1 when it has \
                        ended, 3 when it has not taken the decision in time, 4 when there is no such saga."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(context: &Context, Arguments { which, deciding }: &Arguments) -> anyhow::Result<Exit> {
    let choose = |saga: &Instance| match saga.phase {
        Phase::Ended => Err("has ended".to_owned()),
        Phase::Compensating => Err("is being undone already".to_owned()),
        Phase::Early | Phase::Running => Ok(Decide::Cancel),
    };
    decide(context, (which, deciding), choose, |saga| {
        matches!(saga.phase, Phase::Compensating | Phase::Ended)
    })
    .await
}
