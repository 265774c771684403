//! `brainops task`: work for many hands, claimed under leases and ended by events.

mod cancel;
mod claim;
mod complete;
mod fail;
mod list;
mod release;
mod renew;
mod show;
mod shown;
mod which;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Shows the work that agents ask for, takes it, and says what became of it.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Claim(claim::Arguments),
    Renew(renew::Arguments),
    Release(release::Arguments),
    Complete(complete::Arguments),
    Fail(fail::Arguments),
    Cancel(cancel::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Claim(arguments) => claim::run(context, &arguments).await,
        Command::Renew(arguments) => renew::run(context, &arguments).await,
        Command::Release(arguments) => release::run(context, &arguments).await,
        Command::Complete(arguments) => complete::run(context, &arguments).await,
        Command::Fail(arguments) => fail::run(context, &arguments).await,
        Command::Cancel(arguments) => cancel::run(context, &arguments).await,
    }
}
