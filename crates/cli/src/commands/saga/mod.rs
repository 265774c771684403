//! `brainops saga`: what agents are about, what each of their sagas waits for, and what people decide about them.
//!
//! A decision is an event of the topic `saga` that names the person and the reason; the runtime of the agent carries it out in
//! its place among the inputs of that saga, so that a replay decides the same.

mod acts;
mod cancel;
mod list;
mod moving;
mod pause;
mod replay;
mod resume;
mod retry;
mod show;
mod shown;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Shows what agents are at work on, decides about it, and runs them over recorded history.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Pause(pause::Arguments),
    Resume(resume::Arguments),
    Retry(retry::Arguments),
    Cancel(cancel::Arguments),
    Move(moving::Arguments),
    Replay(replay::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Pause(arguments) => pause::run(context, &arguments).await,
        Command::Resume(arguments) => resume::run(context, &arguments).await,
        Command::Retry(arguments) => retry::run(context, &arguments).await,
        Command::Cancel(arguments) => cancel::run(context, &arguments).await,
        Command::Move(arguments) => moving::run(context, &arguments).await,
        Command::Replay(arguments) => replay::run(context, &arguments).await,
    }
}
