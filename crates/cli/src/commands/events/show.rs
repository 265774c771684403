//! `brainops events show`

use anyhow::{Context as _, bail};
use brainops_event::{Frontier, Offset, Partition, Position, TopicName};
use brainops_log::read;
use clap::Args;
use sqlx::Row as _;

use super::text::Record;
use crate::context::Context;
use crate::exit::Exit;

const EVENT: &str = include_str!("../../../../../projections/events/queries/event.sql");

/// Shows one event: where it stands, when it was recorded, and what it says. What is sealed stays sealed.
///
/// Its data is shown as this program reads it. With --json, `schema` is the id of the schema that wrote it, which the
/// registry has.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops events show brainops/import/leads/leads 0b3f6a52-6c5e-5d0c-9d55-0a4c7e2f6f11\n\nLooks the event \
                        up in the index, which `brainops serve` fills. Exit code 4 when it is not there."
)]
pub struct Arguments {
    /// The source of the event.
    source: String,
    /// Its id within the source.
    id: String,
}

pub async fn run(context: &Context, Arguments { source, id }: &Arguments) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let found = sqlx::query(EVENT).bind(source).bind(id).fetch_all(&pool).await;
    let found = found.context("the index of events cannot be read; was `brainops init` run?")?;
    let Some(first) = found.first() else {
        context.output.talk(&format!(
            "brainops: the index knows no event {id} of {source}; `brainops status` says how far the index is"
        ));
        return Ok(Exit::Unknown);
    };
    let position = Position {
        topic: TopicName::new(first.try_get("topic")?)?,
        partition: Partition::new(first.try_get("partition")?)?,
        offset: Offset::new(first.try_get("log_offset")?)?,
    };
    let record = at(context, &position).await?;
    context.output.answer(&record, text)?;
    if found.len() > 1 {
        context.output.talk(&format!(
            "the log has it {} times, further apart than repeats are looked for",
            found.len()
        ));
    }
    Ok(Exit::Done)
}

async fn at(context: &Context, position: &Position) -> anyhow::Result<Record> {
    let Position { topic, partition, offset } = position;
    let (mut from, mut to) = (Frontier::new(), Frontier::new());
    from.set(topic.clone(), *partition, *offset);
    to.set(topic.clone(), *partition, offset.next());
    let mut reading = read(&context.cluster()?, &context.registry()?, &from, &to).await?;
    while let Some(batch) = reading.next().await {
        if let Some(item) = batch?.items().next() {
            return Ok(Record::of(&item));
        }
    }
    bail!("the log has no record at {position}")
}

fn text(record: &Record) -> String {
    let pretty = |event: &serde_json::value::RawValue| {
        let value: Result<serde_json::Value, _> = serde_json::from_str(event.get());
        value
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| event.get().to_owned())
    };
    let event = record.event.as_deref().map(pretty).unwrap_or_default();
    format!("{}\n{event}", record.line())
}
