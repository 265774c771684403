//! `brainops saga replay`

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context as _, bail};
use brainops_event::Timestamp;
use brainops_log::{end_frontier, frontier_at, start_frontier};
use brainops_saga::{
    Cast, Difference, DifferenceKind, Differing, Pace, ReplayProgress, Replayed, Selection, replay_at,
};
use clap::Args;
use serde::Serialize;

use crate::agents;
use crate::context::{Context, topic_names};
use crate::exit::Exit;
use crate::overview::{count, table};
use crate::replaying::{Bar, moment_time};

/// Lets sagas take their recorded history again, and says what they would decide differently. Appends nothing, and cannot.
///
/// With the version that they were on, every difference is a fault: the agent is not pure, or its code was changed under its
/// number. With --with-version it is how another version would have decided on the same history.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops saga replay lead-follow-up lead-7\n  brainops saga replay --all --agent lead-follow-up --since 2026-10-01\n  \
                        brainops saga replay lead-follow-up --all --with-version 2 --since 2026-10-01 --until 2026-11-01\n\nExit codes: 0 when all \
                        is decided as it was, 3 when something differs, 4 when there is no such agent or version."
)]
pub struct Arguments {
    /// The agent, such as lead-follow-up. With --agent it is left out.
    #[arg(required_unless_present = "named")]
    agent: Option<String>,

    /// What the saga is about.
    #[arg(required_unless_present_any = ["all", "named"], conflicts_with_all = ["all", "named"])]
    correlation: Option<String>,

    /// The agent, said in this way.
    #[arg(long = "agent", id = "named", value_name = "AGENT")]
    named: Option<String>,

    /// All sagas of the agent that began within the time.
    #[arg(long)]
    all: bool,

    /// With this version of the agent; unset: each with the one that it was on.
    #[arg(long, value_name = "VERSION")]
    with_version: Option<u32>,

    /// From here on, by recorded time: a time such as 2026-10-01T00:00Z, or a day. Unset: from the beginning of the log.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Up to here. Unset: to the end of the log.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// How many workers take turns, each with its share of the sagas; what they find does not depend on it. Unset: one for
    /// each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    /// How many differences are shown.
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
}

/// What a replay has found.
#[derive(Debug, Serialize)]
struct Answer {
    agent: String,
    /// The version that decided anew; null: each saga's own.
    version: Option<u32>,
    sagas: u64,
    /// Sagas that began before the time, which were left out.
    begun_before: u64,
    transactions: u64,
    inputs: u64,
    /// Transactions whose inputs are not all within the time.
    unfinished: u64,
    decisions_then: u64,
    decisions_now: u64,
    approvals_asked_then: u64,
    approvals_asked_now: u64,
    /// Sagas that differ.
    diverged: u64,
    differing: u64,
    /// How many decisions were added, removed and changed, by their type.
    by_type: BTreeMap<String, ByType>,
    /// The first one, in the order in which inputs were recorded.
    first: Option<Row>,
    differences: Vec<Row>,
}

#[derive(Debug, Default, Serialize)]
struct ByType {
    added: u64,
    removed: u64,
    changed: u64,
}

/// A difference, as it is shown.
#[derive(Debug, Clone, Serialize)]
struct Row {
    correlation: String,
    /// Which transaction of the saga.
    revision: i64,
    /// `added`, `removed`, `changed`, `status` or `state`.
    what: &'static str,
    then: Option<String>,
    now: Option<String>,
}

pub async fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (agent, correlation) = arguments.which()?;
    let cast = match asked_for(agent, arguments.with_version)? {
        Ok(cast) => cast,
        Err(reason) => {
            context.output.talk(&format!("brainops: {reason}"));
            return Ok(Exit::Unknown);
        }
    };
    let selection = selection(context, &cast, correlation, arguments).await?;
    let log = context.cluster()?.read_only();
    let pace = Pace { jobs: arguments.jobs(), progress: Arc::new(ReplayProgress::default()) };
    let bar = Bar::of_sagas(agent, Arc::clone(&pace.progress));
    let replayed = replay_at(&cast, &log, &context.registry()?, &selection, &pace).await?;
    drop(bar);
    let answer = Answer::of(agent, arguments, replayed);
    context.output.answer(&answer, text)?;
    Ok(if answer.differing == 0 { Exit::Done } else { Exit::Differs })
}

impl Arguments {
    /// The agent, and what one saga of it is about, in either way to say it.
    fn which(&self) -> anyhow::Result<(&str, Option<&str>)> {
        match (self.named.as_deref(), self.agent.as_deref(), self.all) {
            (None, Some(agent), _) => Ok((agent, self.correlation.as_deref())),
            (Some(agent), None, true) => Ok((agent, None)),
            (Some(agent), Some(about), false) => Ok((agent, Some(about))),
            (Some(_), Some(about), true) => {
                bail!("either --all or one saga ({about}), accepted is one of them")
            }
            (Some(_), None, false) => bail!("which saga: accepted is what it is about, or --all"),
            (None, None, _) => bail!("which agent: accepted is its name, or --agent and its name"),
        }
    }

    fn jobs(&self) -> NonZeroUsize {
        let asked = self.jobs.and_then(|jobs| NonZeroUsize::new(usize::from(jobs)));
        asked.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}

/// The agent in the versions that decide, or why that cannot be.
fn asked_for(agent: &str, with_version: Option<u32>) -> anyhow::Result<Result<Cast, String>> {
    Ok(agents::named(agent)?.map_err(|unknown| unknown.to_string()).and_then(|cast| match with_version {
        None => Ok(cast),
        Some(version) => cast.only(version).ok_or_else(|| {
            let known: Vec<String> = cast.versions().map(|version| version.to_string()).collect();
            format!("this program has no version {version} of {agent}, it has {}", known.join(", "))
        }),
    }))
}

async fn selection(
    context: &Context,
    cast: &Cast,
    correlation: Option<&str>,
    arguments: &Arguments,
) -> anyhow::Result<Selection> {
    let cluster = context.cluster()?;
    let topics = topic_names(&cluster, &cast.topics())?;
    let time = |text: &Option<String>| -> anyhow::Result<Option<Timestamp>> {
        text.as_deref().map(moment_time).transpose()
    };
    let (since, until) = (time(&arguments.since)?, time(&arguments.until)?);
    let from = match since {
        Some(at) => frontier_at(&cluster, &topics, at).await,
        None => start_frontier(&cluster, &topics).await,
    };
    let to = match until {
        Some(at) => frontier_at(&cluster, &topics, at).await,
        None => end_frontier(&cluster, &topics).await,
    };
    let (from, to) = (from.context("where to begin")?, to.context("where to end")?);
    Ok(Selection { correlation: correlation.map(str::to_owned), from, to })
}

impl Answer {
    fn of(agent: &str, arguments: &Arguments, found: Replayed) -> Self {
        let first = found.first_divergence().map(Row::of);
        Self {
            agent: agent.to_owned(),
            version: arguments.with_version,
            sagas: found.sagas,
            begun_before: found.begun_before,
            transactions: found.transactions,
            inputs: found.inputs,
            unfinished: found.unfinished,
            decisions_then: found.decisions.0,
            decisions_now: found.decisions.1,
            approvals_asked_then: found.approvals_asked.0,
            approvals_asked_now: found.approvals_asked.1,
            diverged: found.diverged,
            differing: found.differing,
            by_type: found.by_type.into_iter().map(|(name, of_type)| (name, ByType::of(of_type))).collect(),
            first,
            differences: found.differences.iter().take(arguments.rows).map(Row::of).collect(),
        }
    }
}

impl ByType {
    fn of(Differing { added, removed, changed }: Differing) -> Self {
        Self { added, removed, changed }
    }
}

impl Row {
    fn of(Difference { correlation, revision, kind }: &Difference) -> Self {
        let words = |decision: &brainops_event::types::saga::SagaDecision| {
            format!("{} {}", decision.event_type, decision.id)
        };
        let (what, then, now) = match kind {
            DifferenceKind::Added(now) => ("added", None, Some(words(now))),
            DifferenceKind::Removed(then) => ("removed", Some(words(then)), None),
            DifferenceKind::Changed { recorded, found } => {
                ("changed", Some(words(recorded)), Some(words(found)))
            }
            DifferenceKind::Status { recorded, found } => {
                ("status", Some(recorded.clone()), Some(found.clone()))
            }
            DifferenceKind::State { recorded, found } => {
                ("state", Some(recorded.clone()), Some(found.clone()))
            }
        };
        Self { correlation: correlation.clone(), revision: *revision, what, then, now }
    }
}

fn text(answer: &Answer) -> String {
    let number = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    let mut text = format!(
        "{}: {} sagas took {} inputs again in {} transactions; {} decisions then, {} now; approvals asked: {} then, {} now\n",
        answer.agent,
        number(answer.sagas),
        number(answer.inputs),
        number(answer.transactions),
        number(answer.decisions_then),
        number(answer.decisions_now),
        number(answer.approvals_asked_then),
        number(answer.approvals_asked_now),
    );
    for (left, why) in [
        (answer.begun_before, "sagas had begun before and were left out"),
        (answer.unfinished, "transactions have inputs outside of the time and were left out"),
    ] {
        if left > 0 {
            text.push_str(&format!("{} {why}\n", number(left)));
        }
    }
    let Some(first) = &answer.first else {
        text.push_str("all is decided as it was\n");
        return text;
    };
    text.push_str(&format!(
        "{} of them differ, in {} places; the first: {} at transaction {}\n",
        number(answer.diverged),
        number(answer.differing),
        first.correlation,
        first.revision
    ));
    if !answer.by_type.is_empty() {
        let mut types = table(&["decision", "added", "removed", "changed"], &[1, 2, 3]);
        for (event_type, ByType { added, removed, changed }) in &answer.by_type {
            types.add_row([event_type.clone(), number(*added), number(*removed), number(*changed)]);
        }
        text.push_str(&format!("{types}\n"));
    }
    let mut rows = table(&["about", "transaction", "what", "then", "now"], &[1]);
    for Row { correlation, revision, what, then, now } in &answer.differences {
        let side = |side: &Option<String>| side.clone().unwrap_or_default();
        rows.add_row([correlation.clone(), revision.to_string(), (*what).to_owned(), side(then), side(now)]);
    }
    text.push_str(&format!("{rows}\n"));
    let shown = answer.differences.len() as u64;
    if shown < answer.differing {
        text.push_str(&format!("{} more differ\n", number(answer.differing - shown)));
    }
    text
}
