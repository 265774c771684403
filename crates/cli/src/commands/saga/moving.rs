//! `brainops saga move`

use brainops_saga::{Decide, Instance, Phase};
use clap::Args;

use super::acts::{Deciding, Which, decide};
use crate::agents;
use crate::context::Context;
use crate::exit::Exit;

/// Moves a running saga to another version of its agent, which must know how to read the state of the old one.
///
/// Without it, running sagas finish on the version that they began with.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops saga move lead-follow-up lead-7 --to 2 --reason 'shorter terms'\n\nExit codes: 1 when it cannot be \
                        moved, 3 when it has not taken the decision in time, 4 when there is no such saga or agent."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// The version to go on with; unset: the newest of this program.
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(context: &Context, Arguments { which, to, deciding }: &Arguments) -> anyhow::Result<Exit> {
    let cast = match agents::named(&which.agent)? {
        Ok(cast) => cast,
        Err(unknown) => {
            context.output.talk(&format!("brainops: {unknown}"));
            return Ok(Exit::Unknown);
        }
    };
    let to = to.unwrap_or_else(|| cast.newest());
    let choose = |saga: &Instance| match saga.phase {
        Phase::Ended => Err("has ended".to_owned()),
        _ if saga.version == to => Err(format!("is on version {to} already")),
        _ if cast.only(to).is_none() => {
            let known: Vec<String> = cast.versions().map(|version| version.to_string()).collect();
            Err(format!("cannot go on with version {to}: this program has {}", known.join(", ")))
        }
        _ => Ok(Decide::Move { from: as_number(saga.version), to: as_number(to) }),
    };
    decide(context, (which, deciding), choose, |saga| saga.version == to || saga.book.parked.is_some()).await
}

/// Versions of agents fit: it was checked when they were gathered.
fn as_number(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}
