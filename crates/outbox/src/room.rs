//! How much may wait: in memory for its transaction, in Postgres for Kafka.
//!
//! What waits in Postgres is counted there from time to time; in between, what this process adds is added here. So
//! the bound is passed by what other processes add within one look at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::gauge;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::OutboxConfig;
use crate::metrics::{OLDEST_PENDING_SECONDS, PENDING_BYTES, PENDING_ROWS};

/// What may wait in memory for its transaction.
const QUEUE_EVENTS: usize = 20_000;
const QUEUE_KIB: usize = 65_536;
/// How long a count is good for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Counting takes no more than this part of the time.
const LOOK_SHARE: u32 = 20;

/// What may wait in memory.
#[derive(Debug)]
pub(crate) struct QueueRoom {
    events: Arc<Semaphore>,
    kib: Arc<Semaphore>,
}

/// Room that was taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    _events: OwnedSemaphorePermit,
    _kib: OwnedSemaphorePermit,
}

impl QueueRoom {
    pub(crate) fn new() -> QueueRoom {
        QueueRoom { events: Arc::new(Semaphore::new(QUEUE_EVENTS)), kib: Arc::new(Semaphore::new(QUEUE_KIB)) }
    }

    /// Takes room, if there is enough.
    pub(crate) fn take(&self, events: usize, bytes: usize) -> Option<Taken> {
        let events = u32::try_from(events).ok()?;
        let kib = u32::try_from(bytes.div_ceil(1024)).ok()?;
        Some(Taken {
            _events: Arc::clone(&self.events).try_acquire_many_owned(events).ok()?,
            _kib: Arc::clone(&self.kib).try_acquire_many_owned(kib).ok()?,
        })
    }
}

/// What may wait in Postgres.
#[derive(Debug)]
pub(crate) struct TableRoom {
    max_rows: u64,
    max_bytes: u64,
    rows: u64,
    bytes: u64,
    counted: Option<Instant>,
    good_for: Duration,
}

impl TableRoom {
    pub(crate) fn new(config: &OutboxConfig) -> TableRoom {
        let (max_rows, max_bytes) = (config.max_pending, config.max_pending_bytes);
        TableRoom { max_rows, max_bytes, rows: 0, bytes: 0, counted: None, good_for: LOOK_EVERY }
    }

    /// Counts again, if the last count is too old: sooner when by that count so much does not fit.
    pub(crate) async fn look(
        &mut self,
        connection: &mut PgConnection,
        rows: usize,
        bytes: usize,
    ) -> Result<(), sqlx::Error> {
        let good_for = if self.fits(rows, bytes) { self.good_for } else { self.good_for / 10 };
        if self.counted.is_some_and(|at| at.elapsed() < good_for) {
            return Ok(());
        }
        let began = Instant::now();
        let row = sqlx::query(include_str!("sql/pending.sql")).fetch_one(connection).await?;
        self.rows = row.try_get::<i64, _>("pending_rows")?.unsigned_abs();
        self.bytes = row.try_get::<i64, _>("pending_bytes")?.unsigned_abs();
        let oldest: Option<f64> = row.try_get("oldest_pending_seconds")?;
        self.good_for = LOOK_EVERY.max(began.elapsed() * LOOK_SHARE);
        self.counted = Some(Instant::now());
        gauge!(PENDING_ROWS).set(self.rows as f64);
        gauge!(PENDING_BYTES).set(self.bytes as f64);
        gauge!(OLDEST_PENDING_SECONDS).set(oldest.unwrap_or(0.0));
        Ok(())
    }

    /// Takes room for so much, if there is enough.
    pub(crate) fn take(&mut self, rows: usize, bytes: usize) -> bool {
        let fits = self.fits(rows, bytes);
        if fits {
            self.rows += rows as u64;
            self.bytes += bytes as u64;
        }
        fits
    }

    fn fits(&self, rows: usize, bytes: usize) -> bool {
        self.rows + rows as u64 <= self.max_rows && self.bytes + bytes as u64 <= self.max_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_in_events_and_in_bytes() {
        let room = QueueRoom::new();
        let half = room.take(QUEUE_EVENTS / 2, 1).unwrap();
        assert!(room.take(QUEUE_EVENTS / 2 + 1, 1).is_none());
        assert!(room.take(1, QUEUE_KIB * 1024).is_none());
        drop(half);
        assert!(room.take(QUEUE_EVENTS, QUEUE_KIB * 1024).is_some());
    }

    #[test]
    fn the_table_is_bounded_in_rows_and_in_bytes() {
        let config =
            OutboxConfig { max_pending: 10, max_pending_bytes: 1_000_000, ..OutboxConfig::default() };
        let mut room = TableRoom::new(&config);
        assert!(room.take(9, 900_000));
        assert!(!room.take(2, 1));
        assert!(!room.take(1, 100_001));
        assert!(room.take(1, 100_000));
        assert!(!room.take(1, 0));
    }
}
