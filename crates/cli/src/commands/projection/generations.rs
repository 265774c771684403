//! `brainops projection generations`

use brainops_projection::{ListedGeneration, RunState, list_generations};
use clap::Args;

use super::deciding::or_not_found;
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::{bytes, count, table};

/// Lists the generations of a read model: what each is for, how far it is, and what it takes up.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection generations leads\n\nExit code 4 when there is no read model of that name."
)]
pub struct Arguments {
    /// Name of the read model, such as leads.
    name: String,
}

pub async fn run(context: &Context, Arguments { name }: &Arguments) -> anyhow::Result<Exit> {
    match list_generations(&context.pool().await?, name).await {
        Ok(generations) => {
            context.output.answer(&generations, |generations| text(generations))?;
            Ok(Exit::Done)
        }
        Err(error) => or_not_found(context.output, error),
    }
}

fn text(generations: &[ListedGeneration]) -> String {
    let header = [
        "number",
        "schema",
        "kind",
        "state",
        "fold version",
        "created",
        "last shown",
        "lag",
        "parked",
        "size",
        "followed",
    ];
    let mut table = table(&header, &[0, 4, 7, 8, 9]);
    for one in generations {
        let time = |time: brainops_event::Timestamp| time.format("%Y-%m-%d %H:%M:%S").to_string();
        table.add_row([
            one.generation.to_string(),
            one.schema.clone(),
            one.kind.to_owned(),
            one.state.to_owned(),
            one.fold_version.to_string(),
            time(one.created_at),
            one.served_at.map(time).unwrap_or_default(),
            one.lag_offsets.map(count).unwrap_or_default(),
            one.parked.map(count).unwrap_or_default(),
            bytes(one.bytes),
            followed(one.followed).to_owned(),
        ]);
    }
    table.to_string()
}

fn followed(followed: Option<RunState>) -> &'static str {
    match followed {
        Some(RunState::Running) => "yes",
        Some(RunState::Stopped) => "stopped",
        Some(RunState::NotFollowed) => "no",
        None => "",
    }
}
