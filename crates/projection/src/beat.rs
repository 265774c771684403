//! Heartbeats: every second one statement says how far each partition is, also when nothing happens.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use brainops_event::{Frontier, Timestamp};
use brainops_log::{Cluster, PartitionLag, lag};
use chrono::{TimeDelta, Utc};
use metrics::gauge;
use sqlx::{AssertSqlSafe, PgPool};

use crate::checkpoint::Place;
use crate::generation::Generation;
use crate::held::{Board, FirstUnapplied, Held, State};
use crate::metrics as names;

/// How often progress is written.
const BEAT: Duration = Duration::from_secs(1);

/// How often it is counted what is parked.
const COUNT: Duration = Duration::from_secs(5);

/// How long a heartbeat may take before it is given up for the next one.
const BEAT_LIMIT: Duration = Duration::from_secs(5);

/// How long the lag of a partition may be unknown, or its end unseen, before the log is asked.
const ASK_AFTER: TimeDelta = TimeDelta::seconds(2);

/// Writes the progress of one instance.
pub(crate) struct Heartbeat {
    pub(crate) pool: PgPool,
    pub(crate) cluster: Cluster,
    pub(crate) generation: Generation,
    pub(crate) instance: String,
    /// Number of the group's member within this process.
    pub(crate) writer: usize,
    pub(crate) board: Board,
}

impl Heartbeat {
    /// Beats until it is dropped.
    pub(crate) async fn run(&self) -> Infallible {
        tokio::select! {
            never = self.beat_on() => never,
            never = self.ask_on() => never,
            never = self.count_on() => never,
        }
    }

    async fn beat_on(&self) -> Infallible {
        let mut ticks = tokio::time::interval(BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = false;
        loop {
            ticks.tick().await;
            let beat = tokio::time::timeout(BEAT_LIMIT, self.beat()).await;
            let error = match beat {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", BEAT_LIMIT.as_secs())),
            };
            match &error {
                Some(error) if !failed => {
                    tracing::warn!(projector.name = %self.generation.read_model, error, "cannot write progress; it stays as it was");
                }
                None if failed => {
                    tracing::info!(projector.name = %self.generation.read_model, "progress is written again")
                }
                _ => {}
            }
            failed = error.is_some();
        }
    }

    /// Writes the progress of all partitions that this instance owns.
    pub(crate) async fn beat(&self) -> Result<(), sqlx::Error> {
        let mut held = self.board.snapshot();
        self.gauge(&held);
        held.retain(|_, held| held.state != State::TakenOver);
        if held.is_empty() {
            return Ok(());
        }
        let now = Utc::now();
        let stop = |held: &Held| match &held.state {
            State::Stopped(stop) => Some(stop.clone()),
            State::Running | State::TakenOver => None,
        };
        let stops: Vec<_> = held.values().map(stop).collect();
        let column = |text: &dyn Fn(&crate::held::Stop) -> Option<String>| -> Vec<Option<String>> {
            stops.iter().map(|stop| stop.as_ref().and_then(text)).collect()
        };
        sqlx::query(AssertSqlSafe(include_str!("sql/beat.sql")))
            .bind(self.generation.read_model.as_str())
            .bind(self.generation.number)
            .bind(&self.instance)
            .bind(held.keys().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>())
            .bind(held.keys().map(|(_, partition)| partition.get()).collect::<Vec<_>>())
            .bind(held.values().map(|held| held.epoch).collect::<Vec<_>>())
            .bind(
                stops
                    .iter()
                    .map(|stop| if stop.is_some() { "stopped" } else { "running" })
                    .collect::<Vec<_>>(),
            )
            .bind(column(&|stop| Some(stop.class.to_string())))
            .bind(column(&|stop| Some(stop.reason.clone())))
            .bind(column(&|stop| stop.at.as_ref().map(ToString::to_string)))
            .bind(held.values().map(|held| held.next.get()).collect::<Vec<_>>())
            .bind(held.values().map(|held| held.log_end(now).map(|end| end.get())).collect::<Vec<_>>())
            .bind(held.values().map(|held| held.lag_offsets(now)).collect::<Vec<_>>())
            .bind(held.values().map(|held| held.lag_seconds(now)).collect::<Vec<_>>())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    fn gauge(&self, held: &BTreeMap<Place, Held>) {
        let (model, now) = (self.generation.read_model.to_string(), Utc::now());
        let owned = held.values().filter(|held| held.state != State::TakenOver).count();
        let stopped = held.values().filter(|held| matches!(held.state, State::Stopped(_))).count();
        let number = self.generation.number.to_string();
        let of_writer = [
            ("read_model", model.clone()),
            ("generation", number.clone()),
            ("writer", self.writer.to_string()),
        ];
        gauge!(names::HELD_PARTITIONS, &of_writer).set(owned as f64);
        gauge!(names::STOPPED_PARTITIONS, &of_writer).set(stopped as f64);
        for ((topic, partition), held) in held.iter().filter(|(_, held)| held.state != State::TakenOver) {
            let labels = [
                ("read_model", model.clone()),
                ("generation", number.clone()),
                ("topic", topic.to_string()),
                ("partition", partition.to_string()),
            ];
            // Not known is not a number, rather than a zero that nobody has seen.
            gauge!(names::LAG_OFFSETS, &labels)
                .set(held.lag_offsets(now).map_or(f64::NAN, |offsets| offsets as f64));
            gauge!(names::LAG_SECONDS, &labels).set(held.lag_seconds(now).unwrap_or(f64::NAN));
        }
    }

    /// Counts what is parked in the generation, whoever follows its partitions.
    async fn count_on(&self) -> Infallible {
        let mut ticks = tokio::time::interval(COUNT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let sql = "SELECT count(*) AS parked, coalesce(sum(held), 0)::bigint AS held, \
                          coalesce(extract(epoch FROM now() - min(parked_at)), 0)::double precision AS oldest_s \
                     FROM {generation}.parked";
        let sql = self.generation.fill(sql);
        loop {
            ticks.tick().await;
            let row = sqlx::query_as(AssertSqlSafe(sql.clone())).fetch_one(&self.pool).await;
            // The heartbeat says it when the database does not answer; the gauges stay as they were.
            let Ok((parked, held, oldest_s)) = row as Result<(i64, i64, f64), sqlx::Error> else { continue };
            let Generation { read_model, number, .. } = &self.generation;
            let labels = [("read_model", read_model.to_string()), ("generation", number.to_string())];
            gauge!(names::PARKED, &labels).set(parked as f64);
            gauge!(names::HELD_RECORDS, &labels).set(held as f64);
            gauge!(names::OLDEST_PARKED_SECONDS, &labels).set(oldest_s);
        }
    }

    /// Asks the log about partitions of which the reader has not told enough.
    async fn ask_on(&self) -> Infallible {
        let mut ticks = tokio::time::interval(BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let unknown = unknown(&self.board.lock(), Utc::now());
            if unknown.is_empty() {
                continue;
            }
            let asked_at = Utc::now();
            match lag(&self.cluster, &unknown).await {
                Ok(lags) => learn(&self.board, &lags, asked_at),
                // The reader reports what is wrong with the log; the lag is shown as unknown meanwhile.
                Err(error) => {
                    tracing::debug!(projector.name = %self.generation.read_model, error = %error, "the log does not say where it ends")
                }
            }
        }
    }
}

/// The partitions of which too little has been known for too long.
fn unknown(held: &BTreeMap<Place, Held>, now: Timestamp) -> Frontier {
    let asks = |held: &Held| {
        let stale = now - held.log_end.1 > ASK_AFTER;
        let behind = held.log_end.0 > held.next;
        let unknown =
            matches!(held.first_unapplied, FirstUnapplied::UnknownSince(since) if now - since > ASK_AFTER);
        held.state != State::TakenOver && (stale || (behind && unknown))
    };
    let asked = held.iter().filter(|(_, held)| asks(held));
    asked.map(|((topic, partition), held)| (topic.clone(), *partition, held.next)).collect()
}

/// Takes over what the log has said about partitions that have not moved since it was asked.
pub(crate) fn learn(board: &Board, lags: &[PartitionLag], asked_at: Timestamp) {
    let mut held = board.lock();
    for lag in lags {
        let Some(held) = held.get_mut(&(lag.topic.clone(), lag.partition)) else { continue };
        held.see_log_end(lag.end, asked_at);
        let unknown = matches!(held.first_unapplied, FirstUnapplied::UnknownSince(_));
        if unknown && held.next == lag.next && lag.offsets > 0 {
            let age = TimeDelta::from_std(Duration::from_secs_f64(lag.seconds.max(0.0))).unwrap_or_default();
            held.first_unapplied = FirstUnapplied::At(asked_at - age);
        }
    }
}
