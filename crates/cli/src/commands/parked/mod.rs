//! `brainops parked`: what read models could not fold, and what becomes of it.
//!
//! A decision is an event that names the person, the record and the reason; whoever follows the record's partition
//! carries it out, in one transaction with the rows. So a rebuild of the read model decides the same.

mod deciding;
mod dismiss;
mod list;
mod retry;
mod show;
mod shown;
mod which;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

pub use deciding::{By, Deciding, decide};

/// Shows what read models have set aside, and decides what becomes of it.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Retry(retry::Arguments),
    Dismiss(dismiss::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Retry(arguments) => retry::run(context, &arguments).await,
        Command::Dismiss(arguments) => dismiss::run(context, &arguments).await,
    }
}
