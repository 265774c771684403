//! `brainops saga show`

use anyhow::Context as _;
use brainops_event::{Timestamp, format_timestamp};
use brainops_saga::{Instance, ListedSaga, find};
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::{PgPool, Row as _};

use super::acts::Which;
use super::shown::{Saga, Step, state, steps};
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::table;

const HISTORY: &str = include_str!("sql/history.sql");

/// Shows one saga: what it waits for and since when, its timers and steps, what its agent remembers, and its history.
///
/// The history is what the index of events knows, which `brainops serve` fills; `brainops events show` shows one of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops saga show lead-follow-up lead-7\n\nExit code 4 when there is no such saga."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// How many events of its history, the latest.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    events: u32,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    saga: Saga,
    /// Correlation id of all that it decides.
    correlation_id: String,
    steps: Vec<Step>,
    /// What its agent remembers.
    state: Option<Box<RawValue>>,
    /// Whether it has ended so long ago that only the log knows what it remembered.
    is_reduced: bool,
    history: Vec<Event>,
}

/// An event of its history.
#[derive(Debug, Serialize)]
struct Event {
    recorded_at: String,
    #[serde(rename = "type")]
    event_type: String,
    source: String,
    id: String,
    subject: String,
    causation_id: Option<String>,
    position: String,
}

pub async fn run(context: &Context, Arguments { which, events }: &Arguments) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let Which { agent, correlation } = which;
    let Some(saga) = find(&pool, agent, correlation).await? else {
        context
            .output
            .talk(&format!("brainops: {agent} has no saga about {correlation}; see `brainops saga list`"));
        return Ok(Exit::Unknown);
    };
    let history = history(&pool, agent, &saga, *events).await?;
    let listed = ListedSaga { agent: agent.clone(), saga };
    let saga = &listed.saga;
    let shown = Shown {
        saga: Saga::of(&listed),
        correlation_id: saga.book.correlation_id.clone(),
        steps: steps(saga),
        state: state(saga),
        is_reduced: saga.is_reduced(),
        history,
    };
    context.output.answer(&shown, text)?;
    Ok(Exit::Done)
}

/// The latest events, in the order in which they were recorded.
async fn history(pool: &PgPool, agent: &str, saga: &Instance, limit: u32) -> anyhow::Result<Vec<Event>> {
    let rows = sqlx::query(HISTORY)
        .bind(format!("{agent}/{}", saga.correlation))
        .bind(&saga.book.correlation_id)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
        .context("the index of events cannot be read; was `brainops init` run?")?;
    let event = |row: &sqlx::postgres::PgRow| -> Result<Event, sqlx::Error> {
        let recorded_at: Timestamp = row.try_get("recorded_at")?;
        Ok(Event {
            recorded_at: format_timestamp(&recorded_at),
            event_type: row.try_get("type")?,
            source: row.try_get("source")?,
            id: row.try_get("id")?,
            subject: row.try_get("subject")?,
            causation_id: row.try_get("causation_id")?,
            position: row.try_get("position")?,
        })
    };
    Ok(rows.iter().rev().map(event).collect::<Result<_, _>>()?)
}

fn text(shown: &Shown) -> String {
    let Shown { saga, correlation_id, steps, state, is_reduced, history } = shown;
    let mut text = format!(
        "{} {}, saga {} of this correlation, version {}: {}\n",
        saga.agent, saga.correlation, saga.run, saga.version, saga.status
    );
    text.push_str(&format!("last input  {}, after {} transactions\n", saga.last_input_at, saga.revision));
    text.push_str(&format!("correlates  {correlation_id}\n"));
    for wait in &saga.waits {
        text.push_str(&format!("waits for   {}\n", wait.text()));
    }
    if saga.waits.is_empty() {
        text.push_str(&format!("waits for   {}\n", saga.wait_text()));
    }
    for timer in &saga.timers {
        text.push_str(&format!("{}\n", timer.line()));
    }
    for step in steps {
        text.push_str(&format!("step        {}\n", step.text()));
    }
    if saga.kept > 0 {
        text.push_str(&format!("kept        {} inputs wait for it\n", saga.kept));
    }
    if *is_reduced {
        text.push_str("remembers   nothing any more: it has ended, and what it was stands in the log (brainops saga replay)\n");
    } else if let Some(state) = state {
        text.push_str(&format!("remembers   {}\n", state.get()));
    }
    if !history.is_empty() {
        let mut table = table(&["recorded at", "type", "subject", "event", "position"], &[]);
        for event in history {
            let id = format!("{} {}", event.source, event.id);
            table.add_row([&event.recorded_at, &event.event_type, &event.subject, &id, &event.position]);
        }
        text.push_str(&format!("{table}\n"));
    }
    text
}
