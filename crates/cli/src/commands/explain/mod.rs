//! `brainops explain`

mod tree;

use std::collections::BTreeSet;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

use crate::context::Context;
use crate::exit::Exit;
use tree::{Node, Tree};

const EVENT: &str = include_str!("../../../../../projections/events/queries/positions_of_id.sql");
const OF_IDS: &str = include_str!("../../../../../projections/events/queries/events_of_ids.sql");
/// How far back causes outside of the flow are looked for.
const MAX_GENERATIONS: usize = 16;
const FLOW: &str = include_str!("../../../../../projections/events/queries/flow_with_its_root.sql");

/// Prints what led to an event and what came of it: the tree of causes and effects of its flow.
///
/// A flow is what has one correlation id; who caused whom is said by the causation id. The index of events is asked, which
/// `brainops serve` fills.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops explain 4711\n  brainops explain 4711 --source /crm --form dot | dot -Tsvg > flow.svg\n  brainops \
                        explain 4711 --json | jq '.events[].type'\n\nExit code 4 when the index knows no such event."
)]
pub struct Arguments {
    /// Id of the event.
    id: String,

    /// Its source, when more than one has an event of that id.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    /// How the flow is drawn.
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    form: Form,

    /// How many events of the flow at most, the first ones.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// How a flow is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// As an indented list.
    #[default]
    Tree,
    /// In the language of Graphviz.
    Dot,
}

/// A flow, for programs.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// The event that was asked for.
    event: &'a str,
    correlation_id: &'a str,
    events: Vec<Explained<'a>>,
}

#[derive(Debug, Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    event: &'a Node,
    /// Where its cause stands; null when that is not in the flow.
    caused_at: Option<&'a str>,
}

pub async fn run(
    context: &Context,
    Arguments { id, source, form, limit }: &Arguments,
) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let Some(correlation) = correlation(&pool, id, source.as_deref()).await? else {
        context.output.talk(&format!(
            "brainops: the index knows no event {id}; `brainops status` says how far the index is"
        ));
        return Ok(Exit::Unknown);
    };
    let rows = sqlx::query(FLOW).bind(&correlation).bind(i64::from(*limit)).fetch_all(&pool).await;
    let rows = rows.context("the index of events cannot be read")?;
    let mut nodes = rows.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let is_cut = nodes.len() == *limit as usize;
    add_causes(&pool, &mut nodes, i64::from(*limit)).await?;
    let tree = Tree::of(nodes);
    let events = tree
        .edges()
        .map(|(event, cause)| Explained { event, caused_at: cause.map(|cause| cause.position.as_str()) });
    let answer = Answer { event: id, correlation_id: &correlation, events: events.collect() };
    context.output.answer(&answer, |_| match form {
        Form::Tree => tree.text(id),
        Form::Dot => tree.dot(id),
    })?;
    if is_cut {
        context.output.talk(&format!("the flow may have more than these {limit} events; see --limit"));
    }
    Ok(Exit::Done)
}

/// Adds what caused the events, and what caused that: causes that name no flow, such as what somebody else appended.
async fn add_causes(pool: &PgPool, nodes: &mut Vec<Node>, limit: i64) -> anyhow::Result<()> {
    let mut asked: BTreeSet<String> = nodes.iter().map(|node| node.id.clone()).collect();
    for _ in 0..MAX_GENERATIONS {
        let causes = nodes.iter().filter_map(|node| node.causation_id.clone());
        let missing: Vec<String> = causes.filter(|cause| asked.insert(cause.clone())).collect();
        if missing.is_empty() {
            break;
        }
        let rows = sqlx::query(OF_IDS).bind(&missing).bind(limit).fetch_all(pool).await;
        for row in rows.context("the index of events cannot be read")? {
            nodes.push(node(&row)?);
        }
    }
    nodes.sort_by_key(|node| node.recorded_at); // stable: the log's order within a moment
    Ok(())
}

/// The correlation id of the flow to which an event belongs: its own id when it names none.
async fn correlation(pool: &PgPool, id: &str, source: Option<&str>) -> anyhow::Result<Option<String>> {
    let found = sqlx::query(EVENT).bind(id).bind(source).fetch_all(pool).await;
    let found = found.context("the index of events cannot be read; was `brainops init` run?")?;
    let Some(first) = found.first() else { return Ok(None) };
    let (topic, partition): (&str, i32) = (first.try_get("topic")?, first.try_get("partition")?);
    let sql =
        "SELECT correlation_id FROM events.event WHERE topic = $1 AND partition = $2 AND log_offset = $3";
    let query = sqlx::query_scalar(sql).bind(topic).bind(partition);
    let correlation: Option<String> =
        query.bind(first.try_get::<i64, _>("log_offset")?).fetch_one(pool).await?;
    Ok(Some(correlation.unwrap_or_else(|| id.to_owned())))
}

fn node(row: &PgRow) -> Result<Node, sqlx::Error> {
    let (topic, partition, offset): (&str, i32, i64) =
        (row.try_get("topic")?, row.try_get("partition")?, row.try_get("log_offset")?);
    Ok(Node {
        id: row.try_get("id")?,
        source: row.try_get("source")?,
        event_type: row.try_get("type")?,
        subject: row.try_get("subject")?,
        position: format!("{topic}/{partition}@{offset}"),
        causation_id: row.try_get("causation_id")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}
