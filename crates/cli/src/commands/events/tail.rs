//! `brainops events tail`

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_event::{Catalog, EventType, Frontier, Offset, Position, Timestamp};
use brainops_log::{Cluster, Registry, end_frontier, read, start_frontier};
use clap::Args;

use super::text::Record;
use crate::context::{Context, known_topic, topic_names};
use crate::exit::Exit;

/// How often the log is looked at for more.
const LOOK: Duration = Duration::from_millis(500);
/// Of each partition, so many records are looked through for past events of one type.
const LOOK_BACK: i64 = 65_536;

/// Shows the events that were recorded last, from the log itself, and what comes after them.
///
/// Repeats, misplaced and unreadable records are shown as what they are.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops events tail --topic lead --limit 5\n  brainops events tail --follow --type deployment.failed \
                        --json\n\nEvents of several partitions stand in the order in which they were recorded. With --type, past events \
                        are\nlooked for in the last 65,536 records of each partition."
)]
pub struct Arguments {
    /// Only this topic, without its prefix, such as `lead`; may be given several times.
    #[arg(long = "topic", value_name = "NAME", value_parser = known_topic)]
    topics: Vec<String>,

    /// Only events of this type, such as `lead.won`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<EventType>,

    /// Goes on until it is interrupted.
    #[arg(long, short)]
    follow: bool,

    /// How many past events are shown.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100_000))]
    limit: u32,
}

pub async fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    let (cluster, registry) = (context.cluster()?, context.registry()?);
    let chosen: Vec<&str> = match arguments.topics.is_empty() {
        true => Catalog::builtin().topics().to_vec(),
        false => arguments.topics.iter().map(String::as_str).collect(),
    };
    let topics = topic_names(&cluster, &chosen)?;
    let tail = Tail { context, cluster, registry, event_type: arguments.event_type };
    let mut end = end_frontier(&tail.cluster, &topics).await?;
    let start = start_frontier(&tail.cluster, &topics).await?;
    let back = if tail.event_type.is_some() { LOOK_BACK } else { i64::from(arguments.limit) };
    let limit = usize::try_from(arguments.limit)?;
    tail.show(&before(&start, &end, back)?, &end, limit).await?;
    if !arguments.follow {
        return Ok(Exit::Done);
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let now = end_frontier(&tail.cluster, &topics).await?;
        if now != end {
            tail.show(&end, &now, usize::MAX).await?;
            end = now;
        }
    }
}

/// `back` offsets before the end, but not before the start.
fn before(start: &Frontier, end: &Frontier, back: i64) -> anyhow::Result<Frontier> {
    let mut from = Frontier::new();
    for (topic, partition, next) in end.iter() {
        let first = start.get(topic, partition).unwrap_or(Offset::ZERO);
        let wanted = Offset::new((next.get() - back).max(0))?;
        from.set(topic.clone(), partition, wanted.max(first).min(next));
    }
    Ok(from)
}

struct Tail<'a> {
    context: &'a Context,
    cluster: Cluster,
    registry: Registry,
    event_type: Option<EventType>,
}

impl Tail<'_> {
    /// Prints the last `limit` records between two frontiers, in the order in which they were recorded.
    async fn show(&self, from: &Frontier, to: &Frontier, limit: usize) -> anyhow::Result<()> {
        let mut reading = read(&self.cluster, &self.registry, from, to).await?;
        let mut last: BTreeMap<(Timestamp, Position), Record> = BTreeMap::new();
        while let Some(batch) = reading.next().await {
            for item in batch?.items() {
                let record = Record::of(&item);
                if !self.is_wanted(&record) {
                    continue;
                }
                last.insert((record.recorded_at, record.position.clone()), record);
                if last.len() > limit {
                    last.pop_first();
                }
            }
        }
        last.values().try_for_each(|record| self.print(record))
    }

    fn is_wanted(&self, record: &Record) -> bool {
        let Some(wanted) = &self.event_type else { return true };
        record.event_type.as_deref() == Some(wanted.as_str())
    }

    fn print(&self, record: &Record) -> anyhow::Result<()> {
        let output = self.context.output;
        if output.is_json() { output.json_line(record) } else { output.text(&record.line()) }
    }
}
