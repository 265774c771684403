//! Where calls that this process has claimed wait for their turn: as many as there is room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::row::Call;

/// A call in the hands of this process, with the room that it takes.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) call: Call,
    pub(crate) permit: OwnedSemaphorePermit,
    /// Whether another process had it before: the log says how far that one came.
    pub(crate) is_inherited: bool,
}

/// With how many calls in its hands a process still takes each word of the log by itself.
const FEW: usize = 8;

/// One desk a life of an executor. What is handed over is bounded by its room.
#[derive(Debug)]
pub(crate) struct Desk {
    executor: String,
    in_flight: usize,
    room: Arc<Semaphore>,
    /// Calls are claimed only once the log was followed to where it ended when this life began: before, what the table says of
    /// a call may be older than its start.
    is_open: AtomicBool,
    /// Whether calls may wait in the table for whom there was no room: only then is there something to claim.
    has_waiting: AtomicBool,
    claimed: UnboundedSender<Held>,
    woken: Notify,
}

impl Desk {
    pub(crate) fn new(executor: String, in_flight: usize) -> (Arc<Self>, UnboundedReceiver<Held>) {
        let (claimed, handed) = unbounded_channel();
        let room = Arc::new(Semaphore::new(in_flight));
        let (is_open, has_waiting) = (AtomicBool::new(false), AtomicBool::new(true));
        let desk = Self { executor, in_flight, room, is_open, has_waiting, claimed, woken: Notify::new() };
        (Arc::new(desk), handed)
    }

    pub(crate) fn executor(&self) -> &str {
        &self.executor
    }

    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Room for up to so many calls; none while the desk is closed.
    pub(crate) fn room(&self, wanted: usize) -> Vec<OwnedSemaphorePermit> {
        if !self.is_open() {
            return Vec::new();
        }
        (0..wanted).map_while(|_| Arc::clone(&self.room).try_acquire_owned().ok()).collect()
    }

    /// Whether few calls are in our hands: then what comes is better written at once than gathered. With many, the commits that
    /// gathering saves are worth more than the ways of a transaction cost.
    pub(crate) fn has_few(&self) -> bool {
        self.in_flight - self.room.available_permits().min(self.in_flight) <= FEW
    }

    /// Hands a claimed call over. Where nobody takes it any more the executor has ended, and others inherit it.
    pub(crate) fn hand_over(&self, held: Held) {
        if self.claimed.send(held).is_err() {
            tracing::debug!("a call was claimed by an executor that has ended; others inherit it");
        }
    }

    /// Calls were left in the table: who ends one claims the next.
    pub(crate) fn left_waiting(&self) {
        self.has_waiting.store(true, Ordering::Release);
        self.wake();
    }

    /// As [`Desk::left_waiting`], for who has no room for them now.
    pub(crate) fn may_have_more(&self) {
        self.has_waiting.store(true, Ordering::Release);
    }

    /// Whether calls may wait; from here on they do not, unless somebody says so again.
    pub(crate) fn takes_waiting(&self) -> bool {
        self.has_waiting.swap(false, Ordering::AcqRel)
    }

    /// There may be room again.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }
}
