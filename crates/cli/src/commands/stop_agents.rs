//! `brainops stop-agents` and `brainops start-agents`

use brainops_saga::{Decider, Stopped, stopped, throw_switch};
use clap::Args;
use serde::Serialize;

use crate::commands::parked::By;
use crate::context::Context;
use crate::exit::Exit;

/// Stops agents at once, in every process: when this answers, they decide nothing any more. Nothing is lost: inputs, timers
/// and what people decide about single sagas wait until `brainops start-agents`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops stop-agents --reason 'they mail everybody'\n  brainops stop-agents --agent lead-follow-up \
                        --reason 'a wrong term'\n\nExit code 4 when there is no such agent."
)]
pub struct StopArguments {
    #[command(flatten)]
    asked: Asked,
}

/// Lets agents go on where they stood. One that was stopped both by name and with all goes on when both are started.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops start-agents --reason 'mended'\n\nExit code 4 when there is no such agent."
)]
pub struct StartArguments {
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, Args)]
struct Asked {
    /// One agent, such as lead-follow-up; all of them when it is left out.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    by: By,
}

/// What is stopped now.
#[derive(Debug, Serialize)]
struct Answer {
    /// How often the switch was thrown, as its event says.
    number: i64,
    stopped: Vec<Stop>,
}

/// Agents that are stopped.
#[derive(Debug, Serialize)]
struct Stop {
    /// None: all of them.
    agent: Option<String>,
    since: String,
    by: String,
    reason: String,
}

pub async fn stop(context: &Context, StopArguments { asked }: &StopArguments) -> anyhow::Result<Exit> {
    throw(context, asked, true).await
}

pub async fn start(context: &Context, StartArguments { asked }: &StartArguments) -> anyhow::Result<Exit> {
    throw(context, asked, false).await
}

/// The event waits in the outbox for whichever relay comes: a stop must not wait for one.
async fn throw(context: &Context, asked: &Asked, stop: bool) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let outbox = context.outbox(&pool).await?;
    let decider = Decider { by: asked.by.who()?, reason: asked.reason.clone() };
    let number = match throw_switch(&pool, &outbox, (asked.agent.as_deref(), stop), &decider).await {
        Err(error @ brainops_saga::SwitchError::Unknown { .. }) => {
            context.output.talk(&format!("brainops: {error}"));
            return Ok(Exit::Unknown);
        }
        thrown => thrown?,
    };
    let stopped = stopped(&pool).await?;
    let lines: String = stopped.iter().map(|one| format!("{one}\n")).collect();
    let answer = Answer { number, stopped: stopped.into_iter().map(Stop::of).collect() };
    context
        .output
        .answer(&answer, |_| if lines.is_empty() { "no agent is stopped\n".to_owned() } else { lines })?;
    Ok(Exit::Done)
}

impl Stop {
    fn of(Stopped { agent, by, reason, since, .. }: Stopped) -> Self {
        Self { agent, since: brainops_event::format_timestamp(&since), by, reason }
    }
}
