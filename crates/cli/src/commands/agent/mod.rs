//! `brainops agent`: agents as code. Needs a checkout, and no installation.

mod new;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// Makes new agents.
#[derive(Debug, Subcommand)]
pub enum Command {
    New(new::Arguments),
}

pub fn run(output: Output, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::New(arguments) => new::run(output, arguments),
    }
}
