//! A past moment as people write it: a time, a place in the log, or an event.

use anyhow::{Context as _, bail, ensure};
use brainops_event::{Frontier, Offset, Partition, Position, Timestamp, TopicName, parse_timestamp};
use brainops_projection::{Clock, MomentAt, MomentQuestion};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
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
            Self { at: Some(text), .. } => MomentAt::Time(time(text)?),
            Self { frontier: Some(text), .. } => MomentAt::Frontier(frontier(text)?),
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
        None if text.contains('@') || text.trim_start().starts_with('{') => {
            MomentAt::Frontier(frontier(text)?)
        }
        None => MomentAt::Time(time(text)?),
    };
    Ok(MomentQuestion { at, clock: clock.into() })
}

/// A time as RFC 3339 has it, with or without seconds, or a day.
fn time(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(time) = parse_timestamp(text) {
        return Ok(time);
    }
    let utc = |naive: NaiveDateTime| DateTime::<Utc>::from_naive_utc_and_offset(naive, Utc);
    if let Ok(minute) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%MZ") {
        return Ok(utc(minute));
    }
    if let Some(day) =
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0))
    {
        return Ok(utc(day));
    }
    bail!(
        "{text:?} is no time; accepted are times such as 2026-10-01T00:00Z and days such as 2026-10-01, UTC"
    )
}

fn frontier(text: &str) -> anyhow::Result<Frontier> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).context("the frontier cannot be read as JSON");
    }
    let places = text.split([' ', ',']).filter(|place| !place.is_empty());
    let places = places.map(|place| {
        let at: Position = place.parse().with_context(|| {
            format!("{place:?} is no place in the log; accepted is topic/partition@offset")
        })?;
        Ok((at.topic, at.partition, at.offset))
    });
    let frontier: Frontier = places.collect::<anyhow::Result<_>>()?;
    ensure!(!frontier.is_empty(), "the frontier names no partition; accepted is topic/partition@offset");
    Ok(frontier)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_be_short() {
        for (text, expected) in [
            ("2026-10-01T00:00Z", "2026-10-01T00:00:00Z"),
            ("2026-10-01", "2026-10-01T00:00:00Z"),
            ("2026-10-01T12:30:15.5+02:00", "2026-10-01T10:30:15.500Z"),
        ] {
            assert_eq!(time(text).unwrap(), parse_timestamp(expected).unwrap(), "{text}");
        }
        for text in ["yesterday", "2026-13-01", "1759276800", ""] {
            assert!(time(text).unwrap_err().to_string().contains("2026-10-01T00:00Z"), "{text}");
        }
    }

    #[test]
    fn a_frontier_is_read_as_it_is_shown() {
        let shown = frontier("brainops.lead/0@17 brainops.lead/3@1042").unwrap();
        assert_eq!(shown.to_string(), "brainops.lead/0@17 brainops.lead/3@1042");
        let json = serde_json::to_string(&shown).unwrap();
        assert_eq!(frontier(&json).unwrap(), shown);
        for text in ["brainops.lead/0", "  ", "{", "brainops.lead/x@1"] {
            assert!(frontier(text).is_err(), "{text}");
        }
    }
}
