//! `brainops config`: what is configured.

mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// What is configured, and where.
#[derive(Debug, Subcommand)]
pub enum Command {
    Show(show::Arguments),
}

pub fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(arguments) => show::run(context, arguments),
    }
}
