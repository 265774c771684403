//! `brainops doctor`
//!
//! Each check is a file in `checks/` with one function; all run at once, each with a limit, and what is away or does
//! not answer is a finding like any other. Nothing is changed, and no payload or secret is read or shown.

mod checks;
mod finding;
mod parts;
mod table;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use checks::all;
use finding::{Finding, Level};
use parts::Parts;

/// Looks at the whole installation and says of each thing how it is and what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops doctor\n  brainops doctor --problems\n  brainops doctor --json | jq \
                        '.findings[] | select(.level != \"ok\")'\n\nLooks at versions, topics, permissions, \
                        schemas, Postgres, read models, the outbox, parked subjects,\nrepeats, clocks, disks and \
                        secrets. Changes nothing.\n\nExit codes: 0 no error (there may be warnings), 3 an error, 4 \
                        no error seen but not\neverything could be looked at."
)]
pub struct Arguments {
    /// Show only what is not well.
    #[arg(long)]
    problems: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// How bad the worst of it is.
    level: Level,
    findings: Vec<Finding>,
}

pub async fn run(context: &Context, Arguments { problems }: Arguments) -> anyhow::Result<Exit> {
    let findings = all(Parts::open(context).await).await;
    let level = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let unlooked = findings.iter().any(|finding| finding.level == Level::Unknown);
    let shown = findings.into_iter().filter(|finding| !problems || finding.level != Level::Ok);
    let answer = Answer { level, findings: shown.collect() };
    context.output.answer(&answer, |answer| table::text(&answer.findings, answer.level))?;
    Ok(match level {
        Level::Error => Exit::Stopped,
        _ if unlooked => Exit::Unknown,
        _ => Exit::Done,
    })
}
