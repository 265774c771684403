//! `brainops projection as-of`

use std::collections::BTreeMap;

use brainops_event::{Frontier, Timestamp, format_timestamp};
use brainops_projection::{MomentState, MomentWanted, TableRows, moment_state, status, withdraw_expired};
use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::overview::{brief, count, duration};
use crate::read_models;
use crate::replaying::{AskedMoment, Bar, Where, until_interrupted};

/// Makes a read model as it stood at a past moment, as tables that can be asked, and says where they are.
///
/// By recorded time (the default) it holds what the log held then; later arrivals change nothing. By time of happening it
/// holds what had happened by then, as far as the log knows now. A moment that is there already is used again.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops projection as-of leads --at 2026-10-01T00:00Z\n  brainops projection as-of leads --at 2026-10-01 \
                  --clock happened\n  brainops projection as-of deployments --event 4711 --source /crm\n\nThe same over HTTP: GET \
                  /leads?as_of=2026-10-01T00:00Z. Exit codes: 1 when there was no such moment, 4 when there is no such read model."
)]
pub struct Arguments {
    /// The read model, such as leads.
    name: String,

    #[command(flatten)]
    moment: AskedMoment,

    /// Whose event --event names, when more than one source has its id.
    #[arg(long, value_name = "SOURCE", requires = "event")]
    source: Option<String>,

    /// By which time the moment is meant.
    #[arg(long, value_enum, default_value_t)]
    clock: Where,

    /// How many hours it is kept after it was last asked for.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_760))]
    ttl: u32,

    /// Keep it until it is dropped with `projection drop`; later moments may begin with its rows.
    #[arg(long, conflicts_with = "ttl")]
    keep: bool,

    /// By time of happening: fold up to now, also when an older answer is still there.
    #[arg(long)]
    fresh: bool,
}

/// Where a past moment can be asked.
#[derive(Debug, Serialize)]
struct Answer {
    read_model: String,
    schema: String,
    generation: i32,
    /// Up to where the log is folded.
    frontier: Frontier,
    /// Only events that happened until then.
    happened_to: Option<Timestamp>,
    /// When it may be dropped; null: it is kept.
    expires_at: Option<Timestamp>,
    rows: BTreeMap<String, i64>,
    /// How long it took; 0 when it was there already.
    seconds: f64,
}

pub async fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { name, moment, source, clock, ttl, keep, fresh } = arguments;
    let model = match read_models::named(&name) {
        Ok(model) => model,
        Err(unknown) => {
            context.output.talk(&format!("brainops: {unknown}"));
            return Ok(Exit::Unknown);
        }
    };
    let shop = context.workshop().await?;
    withdraw_expired(&shop.pool).await?;
    let question = moment.question(&shop.pool, source.as_deref(), clock).await?;
    let resolved = model.resolve_moment(&shop, &question).await?;
    let time_to_live = (!keep).then(|| TimeDelta::hours(i64::from(ttl)));
    let asked_by = std::env::var("LOGNAME").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let wanted = MomentWanted { asked_by: &asked_by, time_to_live, fresh, failed_stands: None };
    let began = std::time::Instant::now();
    let offered = model.offer_moment(&shop, &resolved, wanted).await?;
    let was_there = offered.is_ready;
    if !was_there {
        let _bar = Bar::of_rebuild(shop.pool.clone(), offered.generation.clone());
        let stop = until_interrupted()?;
        model.work_on_rebuild(shop.clone(), offered.generation.clone(), stop).await?;
    }
    let made = moment_state(&shop.pool, &offered.generation).await?.unwrap_or(offered);
    let seconds = if was_there { 0.0 } else { began.elapsed().as_secs_f64() };
    let rows = status(&shop.pool, &made.generation).await?.tables;
    context.output.answer(&answer(&name, &made, rows, seconds), text)?;
    Ok(Exit::Done)
}

fn answer(name: &str, made: &MomentState, rows: Vec<TableRows>, seconds: f64) -> Answer {
    Answer {
        read_model: name.to_owned(),
        schema: made.generation.schema(),
        generation: made.generation.number,
        frontier: made.frontier.clone(),
        happened_to: made.happened_to,
        expires_at: made.expires_at,
        rows: rows.into_iter().map(|TableRows { table, rows }| (table, rows)).collect(),
        seconds,
    }
}

fn text(answer: &Answer) -> String {
    let mut text = format!("schema    {}\n", answer.schema);
    for (table, rows) in &answer.rows {
        text.push_str(&format!("rows      {} {}\n", count(*rows), table));
    }
    text.push_str(&format!("frontier  {}\n", brief(&answer.frontier)));
    if let Some(happened_to) = &answer.happened_to {
        text.push_str(&format!("happened  until {}\n", format_timestamp(happened_to)));
    }
    let kept = answer
        .expires_at
        .as_ref()
        .map_or_else(|| "until it is dropped".to_owned(), |at| format!("until {}", format_timestamp(at)));
    text.push_str(&format!("kept      {kept}\n"));
    let took =
        if answer.seconds > 0.0 { duration(answer.seconds) } else { "it was there already".to_owned() };
    text.push_str(&format!("took      {took}\n"));
    text
}
