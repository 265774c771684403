//! `brainops tool`: what can be done in the world, and what was.

mod call;
mod calls;
mod list;
mod show;
mod shown;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Shows what can be done in the world, has it done through the gate, and shows what was done.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Call(call::Arguments),
    Calls(calls::Arguments),
    Show(show::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, &arguments),
        Command::Call(arguments) => call::run(context, &arguments).await,
        Command::Calls(arguments) => calls::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
    }
}
