//! `brainops policy`: who may call which tool.

mod check;
mod explain;
mod test;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Checks who may call which tool, explains decisions, and tries a policy on a table of calls.
#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Test(test::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Check(arguments) => check::run(context, &arguments),
        Command::Explain(arguments) => explain::run(context, &arguments).await,
        Command::Test(arguments) => test::run(context, &arguments),
    }
}
