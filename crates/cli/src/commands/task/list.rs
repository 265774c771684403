//! `brainops task list`

use brainops_task::{Filter, Kind, ShownTask, State, list, unreadable};
use clap::Args;

use super::shown::table_of;
use crate::context::Context;
use crate::exit::Exit;

/// Lists tasks in the order in which they are handed out: who has each, and how often it was tried.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops task list\n  brainops task list follow_up --state abandoned --json | jq '.[].subject'"
)]
pub struct Arguments {
    /// One kind, such as follow_up; all when it is left out.
    kind: Option<String>,

    /// Only in this state; without it, open ones.
    #[arg(long, value_name = "STATE", value_parser = ["all", "open", "abandoned", "cancelled", "completed"])]
    state: Option<String>,

    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub async fn run(context: &Context, Arguments { kind, state, limit }: &Arguments) -> anyhow::Result<Exit> {
    let filter = Filter {
        kind: kind.as_ref().map(Kind::new).transpose()?,
        state: State::ALL.into_iter().find(|one| Some(one.as_str()) == state.as_deref()),
        all: state.as_deref() == Some("all"),
        after: None,
        limit: *limit,
    };
    let pool = context.pool().await?;
    let tasks: Vec<ShownTask> = list(&pool, &filter).await?.iter().map(ShownTask::of).collect();
    context.output.answer(&tasks, |tasks| table_of(tasks))?;
    if tasks.len() == *limit as usize {
        context.output.talk(&format!("there may be more than these {limit}; see --limit"));
    }
    let records = unreadable(&pool).await?;
    if records > 0 {
        let text = format!(
            "{records} records of the topic agent cannot be read; brainops.task_unreadable names them"
        );
        context.output.talk(&text);
    }
    Ok(Exit::Done)
}
