//! `brainops projection`: how the read models are, which generations they have, and which of them is shown.

mod compare;
mod compared;
mod deciding;
mod drop;
mod generations;
mod list;
mod resume;
mod rollback;
mod show;
mod swap;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Shows how the read models are, and decides which of their generations is shown.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Resume(resume::Arguments),
    Generations(generations::Arguments),
    Compare(compare::Arguments),
    Swap(swap::Arguments),
    Rollback(rollback::Arguments),
    Drop(drop::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Resume(arguments) => resume::run(context, &arguments).await,
        Command::Generations(arguments) => generations::run(context, &arguments).await,
        Command::Compare(arguments) => compare::run(context, &arguments).await,
        Command::Swap(arguments) => swap::run(context, &arguments).await,
        Command::Rollback(arguments) => rollback::run(context, &arguments).await,
        Command::Drop(arguments) => drop::run(context, &arguments).await,
    }
}
