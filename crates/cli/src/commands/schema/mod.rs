//! `brainops schema`: which schemas there are, and whether all that was ever written can still be read.

mod check;
mod list;
mod sample;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

pub use check::{Scope, check, table};

/// Shows the schemas, and checks that all that was ever written can be read.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Check(check::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, arguments).await,
        Command::Check(arguments) => check::run(context, &arguments).await,
    }
}
