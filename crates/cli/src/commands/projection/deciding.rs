//! What a person decides about generations: told to the log first, then done.
//!
//! Power that goes between the two leaves a decision without an act, never an act without a record.

use std::time::Duration;

use anyhow::{Context as _, bail};
use brainops_event::{Outgoing, Position};
use brainops_outbox::AppendError;
use brainops_projection::{
    FindError, Generation, ServingError, SwapError, SwapOptions, Swapped, newly_parked, parked_events,
    serving, swap, swapped_event,
};
use clap::Args;
use serde::Serialize;
use sqlx::PgPool;

use crate::appending::{Patience, with_outbox};
use crate::commands::parked::By;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;

/// How long the outbox may take to be open, in seconds.
const OPEN_LIMIT: u64 = 60;

/// Who decides that another generation is shown, and on what terms.
#[derive(Debug, Clone, Args)]
pub struct Terms {
    #[command(flatten)]
    by: By,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Consent to what the generation has parked and the one that is shown has not.
    #[arg(long)]
    consent_to_parked: bool,

    /// How many seconds to wait until old transactions have ended, and until the generation has caught up.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

impl Terms {
    /// Who decides.
    pub fn who(&self) -> anyhow::Result<String> {
        self.by.who()
    }

    /// Why, in their words.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    /// Where the decision stands in the log.
    decision: String,
    #[serde(flatten)]
    swapped: Swapped,
}

/// Records the decision to show `to`, and does it.
pub async fn decide_to_show(
    context: &Context,
    pool: &PgPool,
    to: &Generation,
    terms: &Terms,
) -> anyhow::Result<Exit> {
    let by = terms.by.who()?;
    let from = serving(pool, to.read_model.as_str()).await?;
    let parked = newly_parked(pool, to, &from).await.context("what is parked cannot be read")?;
    if !parked.is_empty() && !terms.consent_to_parked {
        let lines: String = parked.iter().map(|one| format!("\n  {one} ({})", one.reason_class)).collect();
        bail!(
            "generation {} of {} has parked what generation {} has folded:{lines}\nto show it nevertheless: --consent-to-parked",
            to.number,
            to.read_model,
            from.number
        );
    }
    let event = swapped_event(&from, to, parked.len(), &by, terms.reason.as_deref())?;
    let decision = record(context, event).await?.to_string();
    let options = SwapOptions {
        consent_to_parked: terms.consent_to_parked,
        patience: Duration::from_secs(terms.wait),
        ..SwapOptions::default()
    };
    let swapped = swap(pool, to, options).await;
    let swapped = swapped.with_context(|| format!("it was decided ({decision}) and not done"))?;
    announce(context, pool, to)
        .await
        .context("it is done, and what it has parked could not be told to the log")?;
    context.output.answer(&Answer { decision, swapped }, |Answer { decision, swapped }| {
        let Swapped { read_model, from, to, tries, locked_seconds, .. } = swapped;
        let milliseconds = locked_seconds * 1_000.0;
        format!(
            "{read_model} shows generation {to}, before it was {from}; tries: {tries}, views locked for {milliseconds:.0} ms ({decision})"
        )
    })?;
    Ok(Exit::Done)
}

/// Tells the log what a generation has parked: folded from history, it could not say so itself. What was said before is
/// said once.
async fn announce(context: &Context, pool: &PgPool, generation: &Generation) -> anyhow::Result<()> {
    let events = parked_events(pool, generation).await?;
    if events.is_empty() {
        return Ok(());
    }
    let told =
        with_outbox(context, Patience::of(OPEN_LIMIT), async |outbox| Ok(outbox.append_all(events).await));
    for receipt in told.await? {
        match receipt {
            // Following has said it in other words, before a database was restored from a copy.
            Ok(_) | Err(AppendError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Appends what was decided, and waits until it stands in the log.
pub async fn record(context: &Context, event: Outgoing) -> anyhow::Result<Position> {
    let told = with_outbox(context, Patience::of(OPEN_LIMIT), async |outbox| {
        outbox.append_all(vec![event]).await.pop().context("the outbox has answered nothing")
    });
    let receipt = told.await?.context("the decision was not appended, and nothing was done")?;
    Ok(receipt.position)
}

/// Says what is unknown; any other error is one.
pub fn or_unknown(output: Output, error: SwapError) -> anyhow::Result<Exit> {
    match &error {
        SwapError::Serving(ServingError::NotInstalled { .. } | ServingError::Name(_))
        | SwapError::Find(FindError::NotInstalled { .. } | FindError::Name(_) | FindError::Unknown { .. }) => {
            output.talk(&format!("brainops: {}", brainops_event::error_chain(&error)));
            Ok(Exit::Unknown)
        }
        _ => Err(error.into()),
    }
}

/// The same of a look for a generation.
pub fn or_not_found(output: Output, error: FindError) -> anyhow::Result<Exit> {
    match &error {
        FindError::Database { .. } => Err(error.into()),
        FindError::NotInstalled { .. } | FindError::Name(_) | FindError::Unknown { .. } => {
            output.talk(&format!("brainops: {}", brainops_event::error_chain(&error)));
            Ok(Exit::Unknown)
        }
    }
}
