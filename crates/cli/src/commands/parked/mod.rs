//! `brainops parked`: what read models could not fold, and what becomes of it.
//!
//! A decision is an event that names the person, the record and the reason; whoever follows the record's partition
//! carries it out, in one transaction with the rows. So a rebuild of the read model decides the same. What a decision would
//! come to can be tried before it is made.

mod deciding;
mod dismiss;
mod list;
mod payload;
mod retry;
mod show;
mod shown;
mod trying;
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
    Try(trying::Arguments),
    Retry(retry::Arguments),
    Dismiss(dismiss::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Try(arguments) => trying::run(context, &arguments).await,
        Command::Retry(arguments) => retry::run(context, &arguments).await,
        Command::Dismiss(arguments) => dismiss::run(context, &arguments).await,
    }
}
