//! `brainops saga list`

use brainops_saga::{Filter, TOO_LONG_HOURS, list, stopped};
use chrono::{TimeDelta, Utc};
use clap::Args;

use super::shown::{Saga, sagas_table};
use crate::context::Context;
use crate::exit::Exit;

/// Lists the sagas of agents: what each is about, and what it waits for and since when.
///
/// With --stuck: those that have waited, or stood parked or paused, for longer than --longer-than.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops saga list\n  brainops saga list lead-follow-up --status parked\n  brainops saga list --stuck \
                        --longer-than-hours 72 --json | jq '.[].correlation'\n\nExit code 3 with --stuck when there is one."
)]
pub struct Arguments {
    /// One agent, such as lead-follow-up; all when it is left out.
    agent: Option<String>,

    /// Only of this status; without it, those that have not ended.
    #[arg(long, value_name = "STATUS", value_parser = ["all", "early", "running", "parked", "paused", "compensating", "ended"])]
    status: Option<String>,

    /// Only those that have waited for too long.
    #[arg(long)]
    stuck: bool,

    /// How many hours are too long.
    #[arg(long, value_name = "HOURS", default_value_t = TOO_LONG_HOURS, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    longer_than_hours: u32,

    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub async fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { agent, status, stuck, longer_than_hours, limit } = arguments;
    let too_long = TimeDelta::hours(i64::from(*longer_than_hours));
    let filter = Filter {
        over_budget: None,
        agent: agent.as_deref(),
        status: status.as_deref(),
        since_before: stuck.then(|| Utc::now() - too_long),
        after: None,
        limit: *limit,
    };
    let pool = context.pool().await?;
    let sagas: Vec<Saga> = list(&pool, filter).await?.iter().map(Saga::of).collect();
    context.output.answer(&sagas, |sagas| sagas_table(sagas))?;
    for stop in stopped(&pool).await? {
        context.output.talk(&stop.to_string());
    }
    if sagas.len() == *limit as usize {
        context.output.talk(&format!("there may be more than these {limit}; see --limit"));
    }
    Ok(if *stuck && !sagas.is_empty() { Exit::Stopped } else { Exit::Done })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_long_is_the_same_here_and_in_the_read_model() {
        let views = include_str!("../../../../../projections/operations/views.sql");
        assert!(views.contains(&format!("interval '{TOO_LONG_HOURS} hours'")));
    }
}
