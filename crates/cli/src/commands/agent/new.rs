//! `brainops agent new`

use std::path::PathBuf;

use anyhow::Context as _;
use brainops_saga::Cast;
use clap::Args;
use serde_json::json;

use crate::agents;
use crate::exit::Exit;
use crate::output::Output;
use crate::scaffold::{Checkout, NewAgent};

/// Makes a new agent: a crate with an agent that works, its test from recorded events, and the lines that register it.
///
/// A name that is taken is refused. Everything is made, or nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  brainops agent new low-stock\n  cargo test -p brainops-agent-low-stock")]
pub struct Arguments {
    /// What it is called, such as `low-stock`: 2 to 32 of a-z, 0-9 and dashes, a letter first.
    name: NewAgent,

    /// The checkout that it is made in, by default the one around the working folder.
    #[arg(long, value_name = "FOLDER")]
    checkout: Option<PathBuf>,
}

pub fn run(output: Output, Arguments { name, checkout }: &Arguments) -> anyhow::Result<Exit> {
    let folder = match checkout {
        Some(folder) => std::path::absolute(folder).context("the checkout cannot be found")?,
        None => std::env::current_dir().context("the working folder cannot be found")?,
    };
    let agents = agents::all()?;
    let known: Vec<&str> = agents.iter().map(Cast::name).collect();
    let plan = Checkout::around(&folder)?.plan(name, &known)?;
    plan.carry_out()?;
    let answer = json!({
        "agent": name.as_str(), "package": name.package(), "made": plan.made(), "changed": plan.changed(),
    });
    output.answer(&answer, |_| {
        let lines = |verb: &str, paths: Vec<PathBuf>| {
            paths.iter().map(|path| format!("{verb}  {}\n", path.display())).collect::<String>()
        };
        let (made, changed) = (lines("made   ", plan.made()), lines("changed", plan.changed()));
        format!("{made}{changed}try it   cargo test -p {}", name.package())
    })?;
    Ok(Exit::Done)
}
