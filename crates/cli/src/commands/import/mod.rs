//! `brainops import`: history that was written before.

mod git;
mod leads;

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::context::Context;
use crate::exit::Exit;
use crate::importing::{Importable, Summary, import};

/// Puts history into the log, each event once however often it is imported.
#[derive(Debug, Subcommand)]
pub enum Command {
    Git(git::Arguments),
    Leads(leads::Arguments),
}

/// What every import has.
#[derive(Debug, Args)]
pub struct Patience {
    /// How many seconds the index of events may take to reach the end of the log.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    let (Patience { wait }, history): (Patience, Box<dyn Importable>) = match command {
        Command::Git(arguments) => {
            let (patience, history) = git::open(arguments)?;
            (patience, Box::new(history))
        }
        Command::Leads(arguments) => {
            let (patience, list) = leads::open(arguments)?;
            (patience, Box::new(list))
        }
    };
    let summary = import(context, history, Duration::from_secs(wait)).await?;
    context.output.answer(&summary, sentence)?;
    Ok(Exit::Done)
}

fn sentence(summary: &Summary) -> String {
    let Summary { source, read, skipped, appended, seconds, events_per_second, found } = summary;
    let mut text = format!(
        "{source}: read {read} events, left out {skipped} that are in the log, appended {appended} \
         in {seconds:.1} s ({events_per_second:.0} events/s)\n"
    );
    let found: Vec<String> = found.as_object().into_iter().flatten().filter_map(note).collect();
    if !found.is_empty() {
        text.push_str(&format!("found: {}\n", found.join(", ")));
    }
    text
}

/// `texts_replaced: 3` as "texts replaced 3"; what is nought or false needs no word.
fn note((name, value): (&String, &Value)) -> Option<String> {
    let name = name.replace('_', " ");
    match value {
        Value::Bool(true) => Some(name),
        Value::Number(number) if number.as_u64() != Some(0) => Some(format!("{name} {number}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sentence_leaves_out_what_is_nought() {
        let summary = Summary {
            source: "brainops/import/git/shop-0123456789ab".to_owned(),
            read: 10,
            skipped: 4,
            appended: 6,
            seconds: 2.0,
            events_per_second: 5.0,
            found: json!({"commits": 9, "texts_replaced": 0, "shallow": true}),
        };
        let text = sentence(&summary);
        assert!(
            text.contains("read 10 events, left out 4 that are in the log, appended 6 in 2.0 s (5 events/s)"),
            "{text}"
        );
        assert!(text.ends_with("found: commits 9, shallow\n"), "{text}");
    }
}
