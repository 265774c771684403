//! A person's decision: told to the log as an event, and then carried out by whoever follows the partition.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use brainops_event::{Outgoing, Position};
use brainops_projection::{DecisionState, decision_state};
use clap::Args;
use serde::Serialize;
use sqlx::PgPool;
use tokio::time::Instant;

use crate::appending::{Patience, with_outbox};
use crate::context::Context;
use crate::exit::Exit;

/// How long the outbox may take to be open, in seconds.
const OPEN_LIMIT: u64 = 60;
/// How often is looked whether the decision was carried out.
const LOOK: Duration = Duration::from_millis(100);

/// Who decides.
#[derive(Debug, Clone, Args)]
pub struct By {
    /// Who decides: an opaque id such as a login, never a name or an address. Default: the login of this session.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// Who decides.
    pub fn who(&self) -> anyhow::Result<String> {
        let login = || ["LOGNAME", "USER"].into_iter().find_map(|name| std::env::var(name).ok());
        let by = self.by.clone().or_else(login).unwrap_or_default();
        ensure!(!by.is_empty(), "nobody is logged in: say who decides with --by NAME");
        Ok(by)
    }
}

/// Who decides, and how long to wait.
#[derive(Debug, Clone, Args)]
pub struct Deciding {
    #[command(flatten)]
    by: By,

    /// How many seconds to wait until the decision is carried out; 0: not at all.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
}

impl Deciding {
    /// Who decides.
    pub fn by(&self) -> anyhow::Result<String> {
        self.by.who()
    }
}

/// What became of one decision.
#[derive(Debug, Serialize)]
pub struct Decided {
    /// What it was about.
    about: String,
    /// Where the decision stands in the log.
    decision: String,
    state: &'static str,
    outcome: String,
}

/// Appends the decisions (what each is about, and its event), waits until they are carried out, and tells.
pub async fn decide(
    context: &Context,
    deciding: &Deciding,
    read_model: &str,
    decisions: Vec<(String, Outgoing)>,
) -> anyhow::Result<Exit> {
    let (about, events): (Vec<String>, Vec<Outgoing>) = decisions.into_iter().unzip();
    let told =
        with_outbox(context, Patience::of(OPEN_LIMIT), async |outbox| Ok(outbox.append_all(events).await));
    let pool = context.pool().await?;
    let deadline = Instant::now() + Duration::from_secs(deciding.wait);
    let mut all = Vec::new();
    for (about, receipt) in about.into_iter().zip(told.await?) {
        let position =
            receipt.with_context(|| format!("the decision about {about} was not appended"))?.position;
        let (state, outcome) = carried_out(&pool, read_model, &position, deadline).await?;
        all.push(Decided { about, decision: position.to_string(), state, outcome });
    }
    context.output.answer(&all, |all| text(all))?;
    Ok(exit(&all))
}

/// What became of the decision by then.
async fn carried_out(
    pool: &PgPool,
    read_model: &str,
    position: &Position,
    deadline: Instant,
) -> anyhow::Result<(&'static str, String)> {
    loop {
        match decision_state(pool, read_model, position).await? {
            Some(DecisionState::Done(outcome)) => return Ok(("done", outcome)),
            Some(DecisionState::Refused(outcome)) => return Ok(("refused", outcome)),
            Some(DecisionState::Pending) | None if Instant::now() < deadline => {
                tokio::time::sleep(LOOK).await
            }
            Some(DecisionState::Pending) | None => {
                let outcome = "it stands in the log and is carried out when `brainops serve --roles projectors` follows it";
                return Ok(("pending", outcome.to_owned()));
            }
        }
    }
}

fn text(all: &[Decided]) -> String {
    let line =
        |one: &Decided| format!("{:8} {}  {}  ({})\n", one.state, one.about, one.outcome, one.decision);
    all.iter().map(line).collect()
}

/// Refused: it was about something else by then. Pending: nobody carries decisions out now.
fn exit(all: &[Decided]) -> Exit {
    let has = |state: &str| all.iter().any(|one| one.state == state);
    match (has("refused"), has("pending")) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Stopped,
        (false, false) => Exit::Done,
    }
}
