//! `brainops events`: single events, in and out.

mod append;
mod show;
mod tail;
mod text;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Appends, follows and shows single events.
#[derive(Debug, Subcommand)]
pub enum Command {
    Append(append::Arguments),
    Tail(tail::Arguments),
    Show(show::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Append(arguments) => append::run(context, &arguments).await,
        Command::Tail(arguments) => tail::run(context, arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
    }
}
