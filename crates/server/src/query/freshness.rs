//! Up to where in the log an answer is folded, and how far that is behind.
use brainops_event::{Frontier, Offset, Partition, Timestamp, TopicName};
use chrono::TimeDelta;
use serde::Serialize;
use sqlx::{Postgres, Transaction};

use super::as_of::AsOf;
use crate::fault::database_problem;
use crate::problem::{Kind, Problem};

/// A partition whose follower has not been heard of for this long has none.
const SILENCE: TimeDelta = TimeDelta::seconds(10);

/// One partition, as the view `freshness` of a read model shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PartitionFreshness {
    pub generation: i32,
    pub topic: String,
    pub partition: i32,
    pub next_offset: i64,
    pub lag_offsets: Option<i64>,
    pub lag_seconds: Option<f64>,
    pub heartbeat_at: Option<Timestamp>,
    pub state: Option<String>,
}

/// What every answer carries beside its rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Freshness {
    /// Number of the generation that was read.
    pub generation: Option<i32>,
    /// The rows are the fold of all events before these offsets.
    pub frontier: Frontier,
    /// Age of the oldest event that is missing in the rows, seconds; 0 when none is; null when that is not known.
    pub lag_seconds: Option<f64>,
    /// Why the lag is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_unknown: Option<String>,
    /// The past moment that was read; absent for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOf>,
}

impl Freshness {
    /// Reads the freshness with a read model's own query, in the transaction that reads its rows.
    pub async fn read(
        transaction: &mut Transaction<'static, Postgres>,
        query: &'static str,
    ) -> Result<Self, Problem> {
        let failed = |error| database_problem(&error);
        let partitions: Vec<PartitionFreshness> =
            sqlx::query_as(query).fetch_all(&mut **transaction).await.map_err(failed)?;
        let now = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut **transaction)
            .await
            .map_err(failed)?;
        Self::of(&partitions, now)
    }

    /// Sums up the partitions of one read model.
    pub fn of(partitions: &[PartitionFreshness], now: Timestamp) -> Result<Self, Problem> {
        let unknown = partitions.iter().find_map(|partition| partition.unknown(now));
        let none = partitions.is_empty().then(|| "no partition was followed yet".to_owned());
        let lag_unknown = none.or(unknown);
        let lag = partitions.iter().filter_map(|partition| partition.lag_seconds).fold(0.0, f64::max);
        Ok(Self {
            generation: partitions.first().map(|partition| partition.generation),
            frontier: frontier(partitions)?,
            lag_seconds: lag_unknown.is_none().then_some(lag),
            lag_unknown,
            as_of: None,
        })
    }
}

impl PartitionFreshness {
    fn unknown(&self, now: Timestamp) -> Option<String> {
        let place = format!("{}/{}", self.topic, self.partition);
        match (self.state.as_deref(), self.heartbeat_at) {
            (Some("running"), Some(heartbeat)) if now - heartbeat <= SILENCE => {
                self.lag_seconds.is_none().then(|| format!("the lag of {place} was not measured yet"))
            }
            (Some("running"), _) => Some(format!("{place} has not been heard of for more than 10 s")),
            (Some(_), _) => Some(format!("{place} is stopped")),
            (None, _) => Some(format!("{place} was not followed yet")),
        }
    }
}

fn frontier(partitions: &[PartitionFreshness]) -> Result<Frontier, Problem> {
    let place = |partition: &PartitionFreshness| {
        let topic = TopicName::new(partition.topic.as_str()).ok()?;
        Some((topic, Partition::new(partition.partition).ok()?, Offset::new(partition.next_offset).ok()?))
    };
    partitions.iter().map(place).collect::<Option<Frontier>>().ok_or_else(|| {
        tracing::error!("a checkpoint names no place in the log");
        Problem::new(Kind::Internal, "the frontier could not be read")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32, state: Option<&str>, silent_s: i64, lag: Option<f64>) -> PartitionFreshness {
        PartitionFreshness {
            generation: 1,
            topic: "brainops.lead".to_owned(),
            partition: number,
            next_offset: 10 + i64::from(number),
            lag_offsets: Some(0),
            lag_seconds: lag,
            heartbeat_at: state.map(|_| now() - TimeDelta::seconds(silent_s)),
            state: state.map(str::to_owned),
        }
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn the_lag_is_that_of_the_partition_that_lags_most() {
        let running = Some("running");
        let partitions = [partition(0, running, 1, Some(0.5)), partition(1, running, 9, Some(3.0))];
        let freshness = Freshness::of(&partitions, now()).unwrap();
        assert_eq!((freshness.lag_seconds, freshness.lag_unknown), (Some(3.0), None));
        assert_eq!(freshness.frontier.to_string(), "brainops.lead/0@10 brainops.lead/1@11");
    }

    #[test]
    fn a_lag_that_nobody_measures_is_not_zero() {
        for doubtful in [
            partition(1, None, 0, None),
            partition(1, Some("stopped"), 0, Some(0.0)),
            partition(1, Some("running"), 11, Some(0.0)),
            partition(1, Some("running"), 0, None),
        ] {
            let freshness =
                Freshness::of(&[partition(0, Some("running"), 0, Some(0.0)), doubtful], now()).unwrap();
            assert_eq!(freshness.lag_seconds, None);
            assert!(freshness.lag_unknown.unwrap().contains("brainops.lead/1"));
        }
        assert_eq!(Freshness::of(&[], now()).unwrap().lag_seconds, None);
    }
}
