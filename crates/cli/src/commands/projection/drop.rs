//! `brainops projection drop`

use std::io::{BufRead as _, IsTerminal as _, stdin};

use anyhow::{Context as _, bail};
use brainops_projection::{
    DropError, Dropped, GenerationState, ListedGeneration, drop_generation, dropped_event, find_generation,
    list_generations,
};
use clap::Args;
use serde::Serialize;

use super::deciding::{or_not_found, record};
use crate::commands::parked::By;
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::bytes;

/// Removes a generation that is not shown, with all its tables.
///
/// The log keeps what the tables were folded from; a rebuild makes a new generation, never one of the same number. The
/// decision is an event with your name, appended before anything is done. A removal that was interrupted goes on when
/// it is asked for again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection drop leads --generation 2 --by kim --yes\n\nExit codes: 1 when it was not \
                        done to its end, 4 when there is no such read model or generation."
)]
pub struct Arguments {
    /// Name of the read model, such as leads.
    name: String,

    /// Number of the generation, as `brainops projection generations` shows it.
    #[arg(long, value_name = "N")]
    generation: i32,

    /// Do not ask.
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    by: By,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// Where the decision stands in the log.
    decision: String,
    #[serde(flatten)]
    dropped: Dropped,
}

pub async fn run(
    context: &Context,
    Arguments { name, generation: number, yes, by, reason }: &Arguments,
) -> anyhow::Result<Exit> {
    let by = by.who()?;
    let pool = context.pool().await?;
    let known = match find_generation(&pool, name, *number).await {
        Ok(known) => known,
        Err(error) => return or_not_found(context.output, error),
    };
    let generation = &known.generation;
    if known.state == GenerationState::Serving {
        let read_model = generation.read_model.clone();
        return Err(DropError::Serves { read_model, number: *number }.into());
    }
    let listed = list_generations(&pool, name).await?;
    let listed = listed.iter().find(|one| one.generation == *number).context("it is gone by now")?;
    context.output.talk(&destroyed(listed));
    if !yes {
        confirm(context, &listed.schema).await?;
    }
    let event = dropped_event(generation, &by, reason.as_deref())?;
    let decision = record(context, event).await?.to_string();
    let dropped = drop_generation(&pool, &known).await;
    let dropped = dropped.with_context(|| format!("it was decided ({decision}) and not done to its end"))?;
    context.output.answer(&Answer { decision, dropped }, |Answer { decision, dropped }| {
        format!("{} is gone, {} tables and views with it ({decision})", dropped.schema, dropped.relations)
    })?;
    Ok(Exit::Done)
}

fn destroyed(listed: &ListedGeneration) -> String {
    let ListedGeneration { read_model, generation, schema, state, kind, .. } = listed;
    let since = listed.created_at.format("%Y-%m-%d %H:%M:%S UTC");
    let size = bytes(listed.bytes);
    format!(
        "generation {generation} of {read_model} goes for good: all tables of the schema {schema}, {size} (kind {kind}, {state}, made {since})"
    )
}

/// Asks whoever sits at the terminal; where nobody does, --yes must have been said.
async fn confirm(context: &Context, schema: &str) -> anyhow::Result<()> {
    if !stdin().is_terminal() {
        bail!("nobody is there to be asked; say --yes");
    }
    context.output.talk(&format!("type {schema} to remove it:"));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        stdin().lock().read_line(&mut line).map(|_| line)
    });
    let answer = answer.await.context("the answer cannot be read")?.context("the answer cannot be read")?;
    if answer.trim() == schema { Ok(()) } else { bail!("nothing was removed") }
}
