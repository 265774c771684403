//! `brainops projection changes`

use brainops_projection::{
    AnyReadModel, CompareLimits, Comparison, MomentState, MomentWanted, Side, Workshop, compare_moments,
};
use chrono::TimeDelta;
use clap::Args;

use super::compared;
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::brief;
use crate::read_models;
use crate::replaying::{Bar, Where, moment_question, until_interrupted};

/// How long the two moments are kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// Says what changed in a read model between two moments, row by row, and which events did it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops projection changes leads --from 2026-10-01 --to 2026-11-01\n  brainops projection changes leads \
                  --from event:4711 --to 2026-11-01T12:00Z\n\nA moment is a time, a day, event:ID, or a frontier. Exit codes: 1 when there \
                  was no such moment, 4 when there is no such read model."
)]
pub struct Arguments {
    /// The read model, such as leads.
    name: String,

    /// The earlier moment.
    #[arg(long, value_name = "MOMENT")]
    from: String,

    /// The later moment.
    #[arg(long, value_name = "MOMENT")]
    to: String,

    /// By which time the moments are meant.
    #[arg(long, value_enum, default_value_t)]
    clock: Where,

    /// How many rows that differ are shown of each table.
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
}

pub async fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { name, from, to, clock, rows } = arguments;
    let model = match read_models::named(&name) {
        Ok(model) => model,
        Err(unknown) => {
            context.output.talk(&format!("brainops: {unknown}"));
            return Ok(Exit::Unknown);
        }
    };
    let shop = context.workshop().await?;
    let earlier = made(&*model, &shop, &from, clock).await?;
    let later = made(&*model, &shop, &to, clock).await?;
    let mut left = Side::open(&shop.pool, &earlier.generation).await?;
    let mut right = Side::open(&shop.pool, &later.generation).await?;
    let changes: Comparison = compare_moments(&mut left, &mut right, CompareLimits { rows }).await?;
    left.close().await?;
    right.close().await?;
    context.output.answer(&changes, |changes| {
        let moments = [("from", &earlier), ("to", &later)].map(|(name, made)| {
            format!("{name:5} {}  {}\n", made.generation.schema(), brief(&made.frontier))
        });
        format!("{}{}", moments.concat(), compared::body(changes))
    })?;
    Ok(Exit::Done)
}

/// The moment, made if it is not there.
async fn made(
    model: &dyn AnyReadModel,
    shop: &Workshop,
    text: &str,
    clock: Where,
) -> anyhow::Result<MomentState> {
    let question = moment_question(&shop.pool, text, clock).await?;
    let resolved = model.resolve_moment(shop, &question).await?;
    let asked_by = std::env::var("LOGNAME").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let wanted =
        MomentWanted { asked_by: &asked_by, time_to_live: Some(KEPT), fresh: false, failed_stands: None };
    let offered = model.offer_moment(shop, &resolved, wanted).await?;
    if !offered.is_ready {
        let _bar = Bar::of_rebuild(shop.pool.clone(), offered.generation.clone());
        model.work_on_rebuild(shop.clone(), offered.generation.clone(), until_interrupted()?).await?;
    }
    Ok(offered)
}
