//! A person's decision about one saga: told to the log, and waited for until the saga has taken it.

use std::time::Duration;

use anyhow::Context as _;
use brainops_event::new_id;
use brainops_saga::{Decide, Decider, Instance, decision_event, find};
use chrono::Utc;
use clap::Args;
use serde::Serialize;
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use crate::appending::{Patience, with_outbox};
use crate::commands::parked::By;
use crate::context::Context;
use crate::exit::Exit;

/// How long the outbox may take to be open, in seconds.
const OPEN_LIMIT: u64 = 60;
/// How often is looked whether the saga has taken the decision.
const LOOK: Duration = Duration::from_millis(100);

/// Names one saga.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The agent, such as lead-follow-up.
    pub agent: String,

    /// What the saga is about: its correlation, as `list` shows it.
    pub correlation: String,
}

/// Who decides, why, and how long to wait.
#[derive(Debug, Clone, Args)]
pub struct Deciding {
    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    by: By,

    /// How many seconds to wait until the saga has taken it; 0: not at all.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
}

/// What became of a decision.
#[derive(Debug, Serialize)]
struct Decided {
    agent: String,
    correlation: String,
    /// Where the decision stands in the log.
    decision: String,
    /// `done`, or `pending`: nobody has taken it in time.
    state: &'static str,
    /// What the saga is now.
    status: &'static str,
}

/// Appends a decision about a saga and waits until it is taken. `choose` says what is decided about the saga as it is now, or
/// why that cannot be; `is_taken` says of a later one whether it was.
pub async fn decide(
    context: &Context,
    (which, deciding): (&Which, &Deciding),
    choose: impl FnOnce(&Instance) -> Result<Decide, String>,
    is_taken: impl Fn(&Instance) -> bool,
) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let Which { agent, correlation } = which;
    let Some(saga) = find(&pool, agent, correlation).await? else {
        context
            .output
            .talk(&format!("brainops: {agent} has no saga about {correlation}; see `brainops saga list`"));
        return Ok(Exit::Unknown);
    };
    let decide = match choose(&saga) {
        Ok(decide) => decide,
        Err(reason) => {
            context.output.talk(&format!("brainops: {agent} {correlation} {reason}"));
            return Ok(Exit::Failed);
        }
    };
    let decider = Decider { by: deciding.by.who()?, reason: deciding.reason.clone() };
    let event =
        decision_event((agent, correlation), &decide, &decider, (new_id(Uuid::now_v7()), Utc::now()))?;
    let receipts = with_outbox(context, Patience::of(OPEN_LIMIT), async |outbox| {
        Ok(outbox.append_all(vec![event]).await)
    });
    let receipt = receipts.await?.pop().context("the outbox has given no answer")?;
    let position = receipt.context("the decision was not appended")?.position;
    let deadline = Instant::now() + Duration::from_secs(deciding.wait);
    let (state, status) = taken(&pool, which, (&saga, deadline), is_taken).await?;
    let decision = position.to_string();
    let decided = Decided { agent: agent.clone(), correlation: correlation.clone(), decision, state, status };
    context.output.answer(&decided, text)?;
    Ok(if state == "done" { Exit::Done } else { Exit::Stopped })
}

/// Whether the decision was taken by then, and what the saga is.
async fn taken(
    pool: &PgPool,
    Which { agent, correlation }: &Which,
    (before, deadline): (&Instance, Instant),
    is_taken: impl Fn(&Instance) -> bool,
) -> anyhow::Result<(&'static str, &'static str)> {
    loop {
        let now = find(pool, agent, correlation).await?.unwrap_or_else(|| before.clone());
        match (now.revision > before.revision && is_taken(&now), Instant::now() < deadline) {
            (true, _) => return Ok(("done", now.status())),
            (false, true) => tokio::time::sleep(LOOK).await,
            (false, false) => return Ok(("pending", now.status())),
        }
    }
}

fn text(Decided { agent, correlation, decision, state, status }: &Decided) -> String {
    let rest = match *state {
        "done" => String::new(),
        _ => "; it stands in the log and is carried out when `brainops serve --roles sagas` follows it"
            .to_owned(),
    };
    format!("{state}  {agent} {correlation} is {status}  ({decision}){rest}\n")
}
