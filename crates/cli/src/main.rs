//! The `brainops` command: one file a command, each of which wires what the crates below offer.
//! Knows all of them; nobody knows it.

mod agents;
mod analyst;
mod appending;
mod commands;
mod context;
mod exit;
mod fleet;
mod generations;
mod host;
mod importing;
mod logging;
mod named_queries;
mod output;
mod overview;
mod read_models;
mod replaying;
mod scaffold;
mod schemas;
mod scram;
mod secrets;
mod serving;
mod settings;
mod tooling;

use std::process::ExitCode;

use clap::Parser as _;

use commands::Arguments;
use exit::Exit;
use output::ReaderGone;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments) {
        Ok(exit) => exit.into(),
        Err(error) if error.is::<ReaderGone>() => Exit::Done.into(),
        Err(error) => {
            // The whole chain of causes on one line: each error says its own part only.
            output::talk(&format!("brainops: {}", brainops_event::error_chain(error.as_ref())));
            Exit::Failed.into()
        }
    }
}
