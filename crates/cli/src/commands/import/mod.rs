//! `brainops import`: history that was written before.

mod git;
mod leads;

use clap::Subcommand;
use serde_json::Value;

use crate::appending::Patience;
use crate::context::Context;
use crate::exit::Exit;
use crate::importing::{Conflict, Conflicts, Importable, Summary, import};

/// Puts history into the log, each event once however often it is imported.
#[derive(Debug, Subcommand)]
pub enum Command {
    Git(git::Arguments),
    Leads(leads::Arguments),
}

pub async fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    let (patience, history): (Patience, Box<dyn Importable>) = match command {
        Command::Git(arguments) => {
            let (patience, history) = git::open(arguments)?;
            (patience, Box::new(history))
        }
        Command::Leads(arguments) => {
            let (patience, list) = leads::open(arguments)?;
            (patience, Box::new(list))
        }
    };
    let summary = import(context, history, patience).await?;
    context.output.answer(&summary, sentence)?;
    Ok(Exit::Done)
}

fn sentence(summary: &Summary) -> String {
    let Summary { source, read, appended, repeated, conflicts, seconds, events_per_second, found } = summary;
    let mut text = format!(
        "{source}: read {read} events, appended {appended}, {repeated} were there already \
         ({seconds:.1} s, {events_per_second:.0} events/s)\n"
    );
    text.push_str(&warning(conflicts));
    let found: Vec<String> = found.as_object().into_iter().flatten().filter_map(note).collect();
    if !found.is_empty() {
        text.push_str(&format!("found: {}\n", found.join(", ")));
    }
    text
}

/// What could not be appended, and where what stands instead is to be found; empty when there is nothing to say.
fn warning(conflicts: &Conflicts) -> String {
    let Conflicts { conflicts: count, named } = conflicts;
    if *count == 0 {
        return String::new();
    }
    let mut text = format!(
        "not appended: {count} events that the log has with the same id and other content, because the history has \
         changed or a person was erased since; what the log has counts\n"
    );
    for Conflict { id, r#type, subject, stands_at } in named {
        let stands_at = stands_at.as_deref().unwrap_or("a place that is not known yet");
        text.push_str(&format!("  {type} of {subject}, id {id}: stands at {stands_at}\n"));
    }
    let more = count.saturating_sub(named.len() as u64);
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
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
            appended: 6,
            repeated: 4,
            conflicts: Conflicts::default(),
            seconds: 2.0,
            events_per_second: 5.0,
            found: json!({"commits": 9, "texts_replaced": 0, "shallow": true}),
        };
        let text = sentence(&summary);
        assert!(
            text.contains("read 10 events, appended 6, 4 were there already (2.0 s, 5 events/s)"),
            "{text}"
        );
        assert!(text.ends_with("found: commits 9, shallow\n"), "{text}");
    }

    #[test]
    fn conflicts_are_named_with_what_stands_instead() {
        assert_eq!(warning(&Conflicts::default()), "");
        let named = vec![Conflict {
            id: "7".to_owned(),
            r#type: "lead.discovered".to_owned(),
            subject: "lead-1".to_owned(),
            stands_at: Some("brainops.lead/3@17".to_owned()),
        }];
        let text = warning(&Conflicts { conflicts: 3, named });
        assert!(text.contains("3 events") && text.contains("id 7: stands at brainops.lead/3@17"), "{text}");
        assert!(text.ends_with("and 2 more\n"), "{text}");
    }
}
