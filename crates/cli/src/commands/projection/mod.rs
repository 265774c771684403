//! `brainops projection`: how the read models are, and letting a paused one go on.

mod as_of;
mod list;
mod resume;
mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Shows how the read models are, and lets a paused one go on.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Resume(resume::Arguments),
    AsOf(as_of::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Resume(arguments) => resume::run(context, &arguments).await,
        Command::AsOf(arguments) => as_of::run(context, arguments).await,
    }
}
