//! `brainops projection rebuild`

use anyhow::Context as _;
use brainops_projection::{
    AnyReadModel, Asked, CompareLimits, Comparison, Generation, RebuildError, RebuildProgress, Request,
    RunState, Workshop, ask_rebuild, drop_generation, drop_older, find_generation, rebuild_progress, serving,
    status, underway,
};
use clap::{ArgGroup, Args};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::compared;
use super::deciding::{Terms, decide_to_show, record};
use crate::appending::{Patience, with_outbox};
use crate::context::Context;
use crate::exit::Exit;
use crate::generations;
use crate::read_models;
use crate::replaying::{Bar, finished_line, until_interrupted};

/// How long the outbox may take to be open, in seconds.
const OPEN_LIMIT: u64 = 60;

/// Folds the next generation of a read model from the whole history, while the one that serves goes on; then compares
/// the two row by row at one frontier, and on demand shows the new one to readers.
///
/// It works here until it is done. Other processes join with --join, and `brainops serve --roles replay` does by itself.
/// Ctrl-C, a crash or --pause keep what is done: --resume goes on there.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("act").args(["swap", "pause", "resume", "cancel", "join", "progress"]).multiple(false),
    after_help = "Examples:\n  brainops projection rebuild leads\n  brainops projection rebuild leads --swap --by kim --reason 'fold version \
                  2'\n  brainops projection rebuild leads --pause\n\nExit codes: 1 when it was not done, or the rows differ though the fold's \
                  version did not change (drift); 4 when\nthere is no such read model, or nothing to go on with."
)]
pub struct Arguments {
    /// The read model, such as leads.
    name: String,

    /// Show the new generation to readers once it is compared. Drift is not shown, unless --accept-drift says so.
    #[arg(long)]
    swap: bool,

    /// Let whoever works on it stop where they are.
    #[arg(long)]
    pause: bool,

    /// Go on with a rebuild that was paused or interrupted, here.
    #[arg(long)]
    resume: bool,

    /// End a rebuild, and drop its generation.
    #[arg(long)]
    cancel: bool,

    /// Work on a rebuild that others have begun.
    #[arg(long)]
    join: bool,

    /// Say how far a rebuild is.
    #[arg(long)]
    progress: bool,

    /// Show the new generation also when its rows differ though the fold's version did not change.
    #[arg(long, requires = "swap")]
    accept_drift: bool,

    /// After the swap, keep so many of the generations that served before, and drop older ones.
    #[arg(long, value_name = "N", requires = "swap")]
    keep: Option<u16>,

    /// How many rows that differ are shown of each table.
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,

    #[command(flatten)]
    terms: Terms,
}

/// What a rebuild came to.
#[derive(Debug, Serialize)]
struct Answer {
    schema: String,
    generation: i32,
    progress: RebuildProgress,
    comparison: Comparison,
    /// Whether rows differ though the version of the fold did not change.
    is_drift: bool,
}

pub async fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    let model = match read_models::named(&arguments.name) {
        Ok(model) => model,
        Err(unknown) => {
            context.output.talk(&format!("brainops: {unknown}"));
            return Ok(Exit::Unknown);
        }
    };
    let shop = context.workshop().await?;
    let done = match &arguments {
        Arguments { pause: true, .. } => ask(context, &shop, &arguments, Asked::Pause).await,
        Arguments { cancel: true, .. } => cancel(context, &shop, &arguments).await,
        Arguments { progress: true, .. } => progress(context, &shop, &*model).await,
        Arguments { resume: true, .. } | Arguments { join: true, .. } => {
            go_on(context, shop, &*model, &arguments).await
        }
        _ => begin(context, shop, &*model, &arguments).await,
    };
    match done {
        Err(error) if matches!(error.downcast_ref(), Some(RebuildError::NoneUnderway { .. })) => {
            context.output.talk(&format!("brainops: {error:#}"));
            Ok(Exit::Unknown)
        }
        Err(error) => Err(hinted(error, &arguments.name)),
        done => done,
    }
}

/// What a person can do about it.
fn hinted(error: anyhow::Error, name: &str) -> anyhow::Error {
    let hint = match error.downcast_ref::<RebuildError>() {
        Some(RebuildError::Underway(found)) if found.is_worked_on => format!(
            "help with `brainops projection rebuild {name} --join`, look with --progress, end it with --cancel"
        ),
        Some(RebuildError::Underway(_)) => {
            format!("go on with `brainops projection rebuild {name} --resume`, or end it with --cancel")
        }
        Some(error) if error.can_go_on() => {
            format!("what is done is kept: go on with `brainops projection rebuild {name} --resume`")
        }
        _ => return error,
    };
    error.context(hint)
}

async fn ask(
    context: &Context,
    shop: &Workshop,
    arguments: &Arguments,
    asked: Asked,
) -> anyhow::Result<Exit> {
    let reason = arguments.terms.reason().unwrap_or("a person has paused it");
    let generation = ask_rebuild(&shop.pool, &arguments.name, asked, reason).await?;
    let schema = generation.schema();
    context.output.answer(&serde_json::json!({ "schema": schema, "state": "paused" }), |_| {
        format!("{schema} is paused; who works on it stops within seconds")
    })?;
    Ok(Exit::Done)
}

async fn cancel(context: &Context, shop: &Workshop, arguments: &Arguments) -> anyhow::Result<Exit> {
    let reason = arguments.terms.reason().unwrap_or("a person has cancelled it");
    let generation = ask_rebuild(&shop.pool, &arguments.name, Asked::Cancel, reason).await?;
    let known = find_generation(&shop.pool, &arguments.name, generation.number).await?;
    let by = arguments.terms.who()?;
    record(context, brainops_projection::dropped_event(&known.generation, &by, Some(reason))?).await?;
    drop_generation(&shop.pool, &known).await?;
    let schema = generation.schema();
    context.output.answer(&serde_json::json!({ "schema": schema, "state": "cancelled" }), |_| {
        format!("{schema} is dropped; what serves goes on")
    })?;
    Ok(Exit::Done)
}

async fn progress(context: &Context, shop: &Workshop, model: &dyn AnyReadModel) -> anyhow::Result<Exit> {
    let generation = under_way(shop, model).await?;
    let Some(progress) = rebuild_progress(&shop.pool, &generation).await? else { return Ok(Exit::Unknown) };
    context.output.answer(&progress, |progress| {
        let workers = match progress.workers.as_slice() {
            [] => "nobody works on it".to_owned(),
            workers => format!("at work: {}", workers.join(", ")),
        };
        format!("{}, {}; {workers}", generation.schema(), crate::replaying::line(progress, None))
    })?;
    Ok(Exit::Done)
}

async fn under_way(shop: &Workshop, model: &dyn AnyReadModel) -> anyhow::Result<Generation> {
    let served = serving(&shop.pool, model.name()).await?;
    let read_model = served.read_model;
    match underway(&shop.pool, &read_model).await? {
        Some(found) => Ok(found.generation),
        None => Err(RebuildError::NoneUnderway { read_model }.into()),
    }
}

async fn begin(
    context: &Context,
    shop: Workshop,
    model: &dyn AnyReadModel,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let generation = model.begin_rebuild(&shop, Request::next(arguments.terms.who().ok())).await?;
    tell(context, &generation).await?;
    context.output.talk(&format!("{}: begun", generation.schema()));
    finish(context, shop, model, generation, arguments).await
}

/// Says in the log that the generation was made.
async fn tell(context: &Context, generation: &Generation) -> anyhow::Result<()> {
    let made = [generation.clone()];
    with_outbox(context, Patience::of(OPEN_LIMIT), async |outbox| generations::tell(outbox, &made).await)
        .await
        .map(|_| ())
}

async fn go_on(
    context: &Context,
    shop: Workshop,
    model: &dyn AnyReadModel,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let generation = under_way(&shop, model).await?;
    if arguments.resume {
        ask_rebuild(&shop.pool, model.name(), Asked::Resume, "").await?;
    }
    finish(context, shop, model, generation, arguments).await
}

/// Works until the generation is whole, compares it with what serves, and shows it if that was asked for.
async fn finish(
    context: &Context,
    shop: Workshop,
    model: &dyn AnyReadModel,
    generation: Generation,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let stop = until_interrupted()?;
    {
        let _bar = Bar::of_rebuild(shop.pool.clone(), generation.clone());
        model.work_on_rebuild(shop.clone(), generation.clone(), stop.clone()).await?;
    }
    let Some(progress) = rebuild_progress(&shop.pool, &generation).await? else { return Ok(Exit::Unknown) };
    context.output.talk(&finished_line(&generation.schema(), &progress));
    let served = serving(&shop.pool, model.name()).await?;
    if is_left_behind(&shop, &served, &generation).await? {
        let (served, schema) = (served.schema(), generation.schema());
        context.output.talk(&format!(
            "{served} was filled by another version of the fold, and nobody follows it any more: it cannot be compared with {schema}"
        ));
        return if arguments.swap {
            show(context, &shop, model, &generation, arguments).await
        } else {
            Ok(Exit::Done)
        };
    }
    let answer = compare(&shop, model, (&served, &generation), progress, arguments.rows, &stop).await?;
    context.output.answer(&answer, |answer| {
        let drift = if answer.is_drift {
            "drift: the fold's version did not change, so what serves is not what the log says\n"
        } else {
            ""
        };
        format!("{}{drift}", compared::text(&answer.comparison))
    })?;
    if !arguments.swap {
        return Ok(if answer.is_drift { Exit::Failed } else { Exit::Done });
    }
    if answer.is_drift && !arguments.accept_drift {
        context.output.talk(
            "brainops: rows differ though the fold's version did not change; look at them, then show the new ones with --swap --accept-drift or `projection swap`",
        );
        return Ok(Exit::Failed);
    }
    show(context, &shop, model, &generation, arguments).await
}

/// Whether the one that is shown is of another version of the fold, and stands since no program of that version runs.
async fn is_left_behind(
    shop: &Workshop,
    served: &Generation,
    generation: &Generation,
) -> anyhow::Result<bool> {
    if served.fold_version == generation.fold_version {
        return Ok(false);
    }
    let status = status(&shop.pool, served).await.context("the read model cannot be read")?;
    Ok(status.state != RunState::Running)
}

/// Shows the generation to readers, and drops older ones if that was asked for.
async fn show(
    context: &Context,
    shop: &Workshop,
    model: &dyn AnyReadModel,
    generation: &Generation,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let exit = decide_to_show(context, &shop.pool, generation, &arguments.terms).await?;
    if let Some(keep) = arguments.keep {
        for dropped in drop_older(&shop.pool, model.name(), usize::from(keep)).await? {
            context.output.talk(&format!("dropped {}", dropped.schema));
        }
    }
    Ok(exit)
}

async fn compare(
    shop: &Workshop,
    model: &dyn AnyReadModel,
    (served, generation): (&Generation, &Generation),
    progress: RebuildProgress,
    rows: usize,
    stop: &CancellationToken,
) -> anyhow::Result<Answer> {
    let comparison = model.compare_aligned(shop, served, generation, CompareLimits { rows }, stop).await?;
    let is_drift = !comparison.is_equal() && served.fold_version == generation.fold_version;
    let (schema, generation) = (generation.schema(), generation.number);
    Ok(Answer { schema, generation, progress, comparison, is_drift })
}
