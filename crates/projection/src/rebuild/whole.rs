//! A partition whose rows fit in memory: folded in log order as it is read, and written at once. Nothing is set aside.
//!
//! It is given up, and the records are set aside after all, when the rows become too many, or when an event is refused:
//! what that one had changed must not stay, and folding anew without it is cheap only from what is set aside.
//! A crash costs the whole partition; so it must not be too long either.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use brainops_event::Timestamp;
use brainops_fault::point;
use brainops_log::{Batch, Item, RecordDigest, read_with};

use super::bucket::{FoldedBucket, Pass};
use super::error::{RebuildError, in_database};
use super::job::{done_buckets, set_state};
use super::unit::{Work, blocking, halted};
use super::written::{Written, misplaced_at, too_many};
use crate::backoff::Backoff;
use crate::halt::pause_after;
use crate::model::ReadModel;
use crate::park::MOST_PARKED;
use crate::sort::{Failures, Parked, event_of};

/// How many offsets a partition may have: so many are read again after a crash.
const MOST_OFFSETS: i64 = 2_000_000;

/// What a partition came to.
pub(super) struct FoldedWhole {
    pub(super) folded: FoldedBucket,
    pub(super) misplaced: Vec<Parked>,
    /// Digest and recorded time of its last record.
    pub(super) last: Option<(RecordDigest, Timestamp)>,
}

/// A partition as far as it was read.
struct Whole<M: ReadModel> {
    pass: Pass<M>,
    misplaced: Vec<Parked>,
    last: Option<(RecordDigest, Timestamp)>,
    room: Room,
}

/// What rows take, and what they will take if they go on like that.
struct Room {
    bytes_limit: usize,
    /// Offsets of the partition.
    offsets: usize,
    records: usize,
    rows: usize,
    bytes: usize,
}

impl<M: ReadModel> Work<M> {
    /// Folds the partition in memory and writes it, if it may be tried and its rows fit. False: its records are to be
    /// set aside.
    pub(super) async fn fold_whole(&self) -> Result<bool, RebuildError> {
        if !self.may_fit().await? {
            return Ok(false);
        }
        let mut backoff = Backoff::for_database();
        loop {
            let began = Instant::now();
            let Some(whole) = self.read_whole().await? else {
                self.tell(
                    "the rows of a partition do not fit, or an event was refused; its records are set aside",
                    began,
                );
                return Ok(false);
            };
            point("rebuild.bucket_folded");
            let work = self.again();
            let writing = tokio::spawn(async move { work.write_whole(whole).await });
            let written =
                writing.await.map_err(|error| RebuildError::Ended { reason: Some(error.to_string()) })?;
            match written {
                Ok(Written::Done) => return Ok(true),
                Ok(Written::TooMany(parked)) => return Err(too_many(&parked)),
                Ok(Written::Lost) => return Err(RebuildError::ShutDown),
                Err(error) => {
                    let read_model = &self.shared.generation.read_model;
                    pause_after(read_model, error, &mut backoff, &self.stop).await.map_err(halted)?;
                }
            }
        }
    }

    fn tell(&self, what: &'static str, since: Instant) {
        let (topic, partition) = &self.unit.place;
        let duration_ms = since.elapsed().as_millis();
        tracing::debug!(projector.name = %self.shared.generation.read_model, %topic, %partition, duration_ms, "{what}");
    }

    /// Whether it is worth a try: what an earlier attempt has set aside or written is gone on with.
    async fn may_fit(&self) -> Result<bool, RebuildError> {
        let (shop, generation) = (&self.shared.shop, &self.shared.generation);
        let is_short = self.unit.to.get() - self.unit.from.get() <= MOST_OFFSETS;
        if shop.pace.in_memory_bytes == 0 || !is_short || self.folder().exists() {
            return Ok(false);
        }
        let done = done_buckets(&shop.pool, generation, &self.unit).await;
        Ok(done.map_err(in_database(&generation.read_model, "read which buckets are done"))?.is_empty())
    }

    /// Reads and folds all of it; nothing when that cannot be done in memory.
    async fn read_whole(&self) -> Result<Option<FoldedWhole>, RebuildError> {
        let (shop, generation) = (&self.shared.shop, &self.shared.generation);
        self.must_be_ours(set_state(&shop.pool, generation, &self.unit, "reading").await)?;
        let (from, to) = self.range(self.unit.from);
        let mut reading = read_with(&shop.log, &shop.registry, &from, &to, shop.reading_in_passing()).await?;
        let mut whole =
            Whole::<M>::new(Room::new(shop.pace.in_memory_bytes, self.unit.to.get() - self.unit.from.get()));
        loop {
            let batch = tokio::select! {
                batch = reading.next() => batch,
                () = self.stop.cancelled() => return Err(RebuildError::ShutDown),
            };
            let Some(batch) = batch else { break };
            let batch = batch?;
            let next = batch.spans().first().map(|span| span.through);
            let work = self.again();
            match blocking(move || work.take(whole, &batch)).await? {
                Some(taken) => whole = taken,
                None => return Ok(None),
            }
            if let Some(next) = next {
                self.read_to.store(next.get(), Ordering::Relaxed);
            }
            point("rebuild.taken");
        }
        let work = self.again();
        blocking(move || {
            let Whole { pass, misplaced, last, .. } = whole;
            let folded = work.shared.folding(&work.unit.place).finish(pass)?;
            Ok(Some(FoldedWhole { folded, misplaced, last }))
        })
        .await
    }

    /// The same, for a thread that blocks.
    pub(super) fn again(&self) -> Self {
        let (shared, unit) = (Arc::clone(&self.shared), self.unit.clone());
        Self { shared, unit, read_to: Arc::clone(&self.read_to), stop: self.stop.clone() }
    }

    fn take(&self, mut whole: Whole<M>, batch: &Batch) -> Result<Option<Whole<M>>, RebuildError> {
        let items: Vec<Item<'_>> = batch.items().collect();
        let place = &self.unit.place;
        self.shared.folding(place).take(&mut whole.pass, &items, &Failures::default())?;
        for item in &items {
            let Item::Misplaced { place: at, reason, .. } = item else { continue };
            if self.keeps_misplaced(at.recorded_at, at.offset) {
                let one = misplaced_at(place, at.offset, at.recorded_at, reason.to_string(), event_of(item));
                whole.misplaced.push(one);
            }
        }
        if let Some(span) = batch.spans().first() {
            whole.last = Some((span.last_digest, span.last_recorded_at));
        }
        let rows = whole.pass.rows();
        let parked = whole.pass.parked().saturating_add(whole.misplaced.len());
        let fits = whole.room.takes(batch.len(), batch.bytes(), rows)
            && parked <= usize::try_from(MOST_PARKED).unwrap_or(usize::MAX)
            && !whole.pass.has_refused();
        Ok(fits.then_some(whole))
    }
}

impl<M: ReadModel> Whole<M> {
    fn new(room: Room) -> Self {
        Self { pass: Pass::default(), misplaced: Vec::new(), last: None, room }
    }
}

impl Room {
    fn new(bytes_limit: usize, offsets: i64) -> Self {
        Self { bytes_limit, offsets: usize::try_from(offsets).unwrap_or(0), records: 0, rows: 0, bytes: 0 }
    }

    /// Counts a batch, after which there are so many rows. Whether they fit, and will: after a quarter of the partition
    /// it is looked ahead, so that one whose every event makes a row is not read in vain for long.
    fn takes(&mut self, records: usize, bytes: usize, rows: usize) -> bool {
        let fresh = bytes.saturating_mul(rows.saturating_sub(self.rows)) / records.max(1);
        (self.records, self.rows, self.bytes) =
            (self.records + records, rows, self.bytes.saturating_add(fresh));
        let left = self.offsets.saturating_sub(self.records);
        let ahead = self.bytes.saturating_add(fresh.saturating_mul(left) / records.max(1));
        let looks_ahead = self.records.saturating_mul(4) >= self.offsets;
        self.bytes <= self.bytes_limit && (!looks_ahead || ahead <= self.bytes_limit.saturating_mul(3) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many batches of a hundred records, 10 kB each, there is no room any more.
    fn batches(limit: usize, offsets: i64, rows_after: impl Fn(usize) -> usize) -> Option<usize> {
        let mut room = Room::new(limit, offsets);
        let batches = usize::try_from(offsets).unwrap() / 100;
        (1..=batches).find(|batch| !room.takes(100, 10_000, rows_after(*batch)))
    }

    #[test]
    fn rows_that_fit_are_kept_and_those_that_will_not_are_seen_early() {
        assert_eq!(batches(1_000_000, 100_000, |batch| batch.min(90) * 100), None, "as many rows as fit");
        assert_eq!(batches(1_000_000, 100_000, |batch| batch * 100), Some(101), "the limit itself");
        assert_eq!(batches(1_000_000, 20_000, |batch| batch * 100), Some(50), "a quarter shows it");
        assert_eq!(batches(1_000_000, 14_000, |batch| batch * 50), None, "half of the records make rows");
        assert_eq!(batches(0, 1_000, |_| 1), Some(1));
    }
}
