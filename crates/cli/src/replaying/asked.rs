//! A past moment as people write it: a time, a place in the log, or an event.

use anyhow::{Context as _, bail};
use brainops_event::{Offset, Partition, Position, Timestamp, TopicName};
use brainops_projection::{Clock, MomentAt, MomentQuestion};
use clap::{Args, ValueEnum};
use sqlx::{PgPool, Row as _};

const BY_ID: &str = include_str!("../../../../projections/events/queries/positions_of_id.sql");

/// By which time a moment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Where {
    /// When the log recorded an event: what was known then.
    #[default]
    Recorded,
    /// When it happened, as far as is known now; late arrivals count.
    Happened,
}

/// A moment, named in one of three ways.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct AskedMoment {
    /// A time such as 2026-10-01T00:00Z, or a day: its beginning, UTC.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,

    /// A place in the log: topic/partition@offset with spaces between, or as JSON, as answers show it.
    #[arg(long, value_name = "FRONTIER")]
    pub frontier: Option<String>,

    /// Right after the event of this id; with --source when more than one source has it.
    #[arg(long, value_name = "ID")]
    pub event: Option<String>,
}

impl AskedMoment {
    /// The question that this asks.
    pub async fn question(
        &self,
        pool: &PgPool,
        source: Option<&str>,
        clock: Where,
    ) -> anyhow::Result<MomentQuestion> {
        let at = match self {
            Self { at: Some(text), .. } => MomentAt::time(text)?,
            Self { frontier: Some(text), .. } => MomentAt::frontier(text)?,
            Self { event: Some(id), .. } => after(pool, id, source).await?,
            _ => bail!("say which moment is meant with --at, --frontier or --event"),
        };
        Ok(MomentQuestion { at, clock: clock.into() })
    }
}

impl From<Where> for Clock {
    fn from(clock: Where) -> Self {
        match clock {
            Where::Recorded => Self::Recorded,
            Where::Happened => Self::Happened,
        }
    }
}

/// A moment that is written as one word: a time, a frontier, or `event:ID`.
pub async fn moment_question(pool: &PgPool, text: &str, clock: Where) -> anyhow::Result<MomentQuestion> {
    let at = match text.strip_prefix("event:") {
        Some(id) => after(pool, id, None).await?,
        None => text.parse()?,
    };
    Ok(MomentQuestion { at, clock: clock.into() })
}

/// A time as people write it: RFC 3339, seconds optional, or a day, its beginning.
pub fn moment_time(text: &str) -> anyhow::Result<Timestamp> {
    match MomentAt::time(text)? {
        MomentAt::Time(at) => Ok(at),
        _ => bail!("{text} is no time"),
    }
}

/// Right after an event that the index knows.
async fn after(pool: &PgPool, id: &str, source: Option<&str>) -> anyhow::Result<MomentAt> {
    let found = sqlx::query(BY_ID).bind(id).bind(source).fetch_all(pool).await;
    let found = found.context("the index of events cannot be read; was `brainops init` run?")?;
    match found.as_slice() {
        [] => bail!("the index knows no event {id}; `brainops status` says how far the index is"),
        [one] => Ok(MomentAt::After {
            position: Position {
                topic: TopicName::new(one.try_get("topic")?)?,
                partition: Partition::new(one.try_get("partition")?)?,
                offset: Offset::new(one.try_get("log_offset")?)?,
            },
            recorded_at: one.try_get("recorded_at")?,
        }),
        several => {
            let sources: Vec<&str> =
                several.iter().map(|row| row.try_get("source")).collect::<Result<_, _>>()?;
            bail!(
                "several sources have an event {id}: say which with --source; there are {}",
                sources.join(", ")
            )
        }
    }
}
