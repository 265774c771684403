//! Rows that the transaction which queues them numbers itself, for the relay of this process to send: they need no
//! second commit before they are on their way.
//!
//! ```text
//!   a turn of the shard -> BEGIN ... queued and numbered ... COMMIT -> handed over -> the turn ends
//! ```
//!
//! A shard is numbered by one transaction at a time: among processes by whoever holds the shard's row in the epoch of the
//! lease, within this one by whoever has the turn. The turn lasts until the rows are handed over, so a relay sends in
//! the order of the numbers. Rows whose partition has others that wait for a number are left to the relay: they may not
//! overtake. When COMMIT gives no answer, there may be numbers that nobody here will send: the session ends, and the next
//! one reads what stands. A process that is stopped with the shard's row in its hands is rid of it once it has lain idle for
//! as long as a lease lasts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brainops_event::Partition;
use brainops_fault as fault;
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, Transaction};
use tokio::sync::{Notify, OwnedMutexGuard};

use crate::outbox::{Outbox, Shared};
use crate::prepared::Prepared;
use crate::receipt::Enqueued;
use crate::relay::Numbered;
use crate::reserve::{Shards, impossible, reserve};

/// How long a transaction waits for the turn of a shard before it leaves its rows to the relay.
const PATIENCE: Duration = Duration::from_millis(5);

/// How a relay of this process gets rows of one shard that it has not numbered.
#[derive(Debug, Default)]
pub(crate) struct Handoff {
    turn: Arc<tokio::sync::Mutex<()>>,
    inner: Mutex<Inner>,
    /// Rows were handed over, or there is doubt.
    pub(crate) handed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The epoch of the session that takes rows, if there is one.
    epoch: Option<i64>,
    /// How many rows it takes before it has looked again.
    room: usize,
    rows: Vec<Numbered>,
    doubted: bool,
}

/// Somebody may have numbered rows of this shard that were not handed over.
#[derive(Debug)]
pub(crate) struct Doubted;

impl Handoff {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this session takes rows.
    pub(crate) fn open(&self, epoch: i64, room: usize) {
        *self.inner() = Inner { epoch: Some(epoch), room, ..Inner::default() };
    }

    /// Nobody takes rows any more; answers with those that were handed over in time.
    pub(crate) fn close(&self) -> Vec<Numbered> {
        std::mem::take(&mut *self.inner()).rows
    }

    /// The turn to number rows of this shard.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// What was handed over, in the order of the numbers; from now on there is room for so many rows.
    pub(crate) fn take(&self, room: usize) -> Result<Vec<Numbered>, Doubted> {
        let mut inner = self.inner();
        inner.room = room;
        if inner.doubted { Err(Doubted) } else { Ok(std::mem::take(&mut inner.rows)) }
    }

    /// The epoch in which so many rows may be numbered now.
    fn takes(&self, rows: usize) -> Option<i64> {
        let inner = self.inner();
        inner.epoch.filter(|_| inner.room >= rows && !inner.doubted)
    }

    fn hand(&self, epoch: i64, rows: Vec<Numbered>) {
        let mut inner = self.inner();
        // Of another session: it has found them in the table.
        if inner.epoch == Some(epoch) {
            inner.room = inner.room.saturating_sub(rows.len());
            inner.rows.extend(rows);
            self.handed.notify_one();
        }
    }

    fn doubt(&self, epoch: i64) {
        let mut inner = self.inner();
        if inner.epoch == Some(epoch) {
            inner.doubted = true;
            self.handed.notify_one();
        }
    }
}

/// The turns of some shards, for one transaction.
#[must_use = "the relays wait until it is committed or dropped"]
pub struct Handover {
    shared: Arc<Shared>,
    desks: Vec<Desk>,
    /// Partitions with rows that are left to the relay.
    left: Vec<Partition>,
    is_committing: bool,
}

/// One shard that this process may number.
struct Desk {
    shard: u16,
    epoch: i64,
    rows: Vec<Numbered>,
    _turn: OwnedMutexGuard<()>,
}

impl Outbox {
    /// For a transaction that is about to queue these events: whoever commits it by [`Handover::commit`] spares them a
    /// commit, if the relay of this process sends them. Where it does not, the handover is an ordinary enqueuing.
    pub async fn handover(&self, prepared: &[Prepared]) -> Handover {
        let shared = Arc::clone(&self.shared);
        let shards = shared.handoffs.len();
        let mut rows = vec![0; shards];
        for one in prepared {
            rows[shard_of(one.partition, shards)] += 1;
        }
        let mut desks = Vec::new();
        // In order, so that two of them cannot wait for each other.
        for (shard, rows) in (0u16..).zip(rows).filter(|(_, rows)| *rows > 0) {
            let handoff = &shared.handoffs[usize::from(shard)];
            if handoff.takes(rows).is_none() {
                continue;
            }
            let Ok(turn) = tokio::time::timeout(PATIENCE, handoff.turn()).await else { continue };
            if let Some(epoch) = handoff.takes(rows) {
                desks.push(Desk { shard, epoch, rows: Vec::new(), _turn: turn });
            }
        }
        Handover { shared, desks, left: Vec::new(), is_committing: false }
    }
}

impl Handover {
    /// As [`crate::enqueue_behind`], for events that the handover was begun for; once for each handover.
    ///
    /// # Errors
    /// Those of [`crate::enqueue`].
    pub async fn enqueue_behind(
        &mut self,
        connection: &mut PgConnection,
        prepared: &[Prepared],
        gates: &[Option<usize>],
    ) -> Result<Vec<Enqueued>, sqlx::Error> {
        let epochs = self.desks.iter().map(|desk| (desk.shard, desk.epoch)).collect();
        let held = Shards { epochs, idle: self.shared.config.lease() };
        let prepared: Vec<&Prepared> = prepared.iter().collect();
        let reserved = reserve(connection, &prepared, gates, &held).await?;
        let shards = self.shared.handoffs.len();
        for row in reserved.numbered {
            let shard = shard_of(row.place.1, shards);
            let desk = self.desks.iter_mut().find(|desk| usize::from(desk.shard) == shard);
            desk.ok_or_else(|| impossible("shard"))?.rows.push(row);
        }
        self.left = reserved.left;
        Ok(reserved.enqueued)
    }

    /// Partitions whose relays are to be woken once it is committed: those with new rows that it has not numbered.
    pub fn left(&self) -> &[Partition] {
        &self.left
    }

    /// Commits the transaction and hands its rows over.
    ///
    /// # Errors
    /// COMMIT failed, or gave no answer. The relay finds out which of its rows are there.
    pub async fn commit(mut self, transaction: Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
        self.is_committing = true;
        transaction.commit().await?;
        self.is_committing = false;
        if self.desks.iter().any(|desk| !desk.rows.is_empty()) {
            fault::point("handover.committed");
        }
        for desk in &mut self.desks {
            let rows = std::mem::take(&mut desk.rows);
            if !rows.is_empty() {
                self.shared.handoffs[usize::from(desk.shard)].hand(desk.epoch, rows);
            }
        }
        Ok(())
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let in_doubt = self.desks.iter().filter(|desk| self.is_committing && !desk.rows.is_empty());
        for desk in in_doubt {
            self.shared.handoffs[usize::from(desk.shard)].doubt(desk.epoch);
        }
    }
}

impl std::fmt::Debug for Handover {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Handover").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The shard whose relay sends to a partition.
pub(crate) fn shard_of(partition: Partition, shards: usize) -> usize {
    usize::try_from(partition.get()).unwrap_or(0) % shards
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::numbered_row as row;

    #[tokio::test]
    async fn a_session_takes_what_was_numbered_in_its_epoch_and_no_more_than_it_has_room_for() {
        let handoff = Handoff::default();
        assert_eq!(handoff.takes(1), None, "no session is open");
        handoff.open(7, 2);
        assert_eq!((handoff.takes(2), handoff.takes(3)), (Some(7), None));
        handoff.hand(6, vec![row(1)]);
        handoff.hand(7, vec![row(2), row(3)]);
        assert_eq!(handoff.takes(1), None);
        let taken = handoff.take(2).unwrap();
        assert_eq!(taken.iter().map(|row| row.outbox_id).collect::<Vec<_>>(), [2, 3]);
        handoff.hand(7, vec![row(4)]);
        assert_eq!((handoff.close().len(), handoff.takes(1)), (1, None));
    }

    #[tokio::test]
    async fn whoever_is_in_doubt_ends_the_session_of_that_epoch_alone() {
        let handoff = Handoff::default();
        handoff.open(7, 2);
        handoff.doubt(6);
        assert!(handoff.take(2).is_ok());
        handoff.doubt(7);
        assert!(handoff.take(2).is_err() && handoff.takes(1).is_none());
        handoff.open(8, 2);
        assert!(handoff.take(2).is_ok());
    }
}
