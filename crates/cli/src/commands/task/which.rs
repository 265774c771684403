//! Which task and which claim is meant, and what a command answers.

use std::time::Duration;

use anyhow::ensure;
use brainops_task::{Claim, Lease, TaskError, TaskName, TaskOptions, Tasks};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;

/// Names one task.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Source of the task, as `list` shows it.
    source: String,

    /// Its id.
    id: String,
}

impl Which {
    pub fn name(&self) -> TaskName {
        TaskName { source: self.source.clone(), id: self.id.clone() }
    }
}

/// Names one claim on a task.
#[derive(Debug, Clone, Args)]
pub struct Claimed {
    #[command(flatten)]
    which: Which,

    /// The epoch of the claim, as `claim` has answered it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    epoch: i64,
}

impl Claimed {
    pub fn claim(&self) -> Claim {
        Claim { task: self.which.name(), epoch: self.epoch }
    }
}

/// How long a claim counts.
#[derive(Debug, Clone, Copy, Args)]
pub struct Lasting {
    /// How many seconds the task is the worker's.
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0)]
    lease: f64,
}

impl Lasting {
    pub fn lease(self) -> anyhow::Result<Lease> {
        Ok(Lease::new(seconds("lease", self.lease)?)?)
    }
}

/// A number of seconds as a person has typed it.
pub fn seconds(name: &str, number: f64) -> anyhow::Result<Duration> {
    let duration = Duration::try_from_secs_f64(number).ok();
    ensure!(duration.is_some(), "--{name} takes seconds, from 0");
    Ok(duration.unwrap_or_default())
}

/// The tasks of this installation. What is said about them is sent by the relay of `brainops serve`.
pub async fn tasks(context: &Context) -> anyhow::Result<Tasks> {
    let pool = context.pool().await?;
    let outbox = context.outbox(&pool).await?;
    Ok(Tasks::new(pool, outbox, TaskOptions::default()))
}

/// What became of a task.
#[derive(Debug, Serialize)]
struct Become {
    source: String,
    id: String,
    state: &'static str,
    /// When it may be handed out again, or until when it is the worker's.
    ready_at: Option<String>,
}

/// Tells what became of a task.
pub fn tell(
    context: &Context,
    TaskName { source, id }: TaskName,
    (state, ready_at): (&'static str, Option<String>),
) -> anyhow::Result<Exit> {
    context.output.answer(
        &Become { source, id, state, ready_at },
        |Become { source, id, state, ready_at }| {
            let until = ready_at.as_ref().map(|moment| format!(", until {moment}")).unwrap_or_default();
            format!("{state}  {source} {id}{until}\n")
        },
    )?;
    Ok(Exit::Done)
}

/// Tells why something could not be done with a task; what is a fault of the installation goes up.
pub fn refused(context: &Context, error: TaskError) -> anyhow::Result<Exit> {
    let exit = match &error {
        TaskError::Unknown { .. } => Exit::Unknown,
        TaskError::Lost { .. } | TaskError::Ended { .. } | TaskError::SaidOtherwise { .. } => Exit::Stopped,
        _ => return Err(error.into()),
    };
    context.output.talk(&format!("brainops: {error}"));
    Ok(exit)
}
