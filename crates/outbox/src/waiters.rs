//! Who waits for which row's acknowledgement.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use brainops_event::{Position, Timestamp};
use tokio::sync::oneshot;

/// A row's first record in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) outbox_id: i64,
    pub(crate) position: Position,
    pub(crate) recorded_at: Timestamp,
}

/// Callers of this process by the rows that they wait for.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    waiting: Mutex<HashMap<i64, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    callers: Vec<oneshot::Sender<Acknowledged>>,
}

impl Waiters {
    /// Begins to wait. To be called before the row can be acknowledged, or to be followed by a look at the row.
    pub(crate) fn wait(&self, outbox_id: i64) -> oneshot::Receiver<Acknowledged> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || Waiting { since: Instant::now(), callers: Vec::with_capacity(1) };
        waiting.entry(outbox_id).or_insert_with(begin).callers.push(sender);
        receiver
    }

    /// Answers those who wait for these rows.
    pub(crate) fn answer(&self, acknowledged: &[Acknowledged]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for one in acknowledged {
            let Some(found) = waiting.remove(&one.outbox_id) else { continue };
            for caller in found.callers {
                caller.send(one.clone()).ok(); // it waits no longer
            }
        }
    }

    /// Rows that somebody has been waiting for at least this long, the lowest numbers first; forgets those whose
    /// callers have all gone.
    pub(crate) fn longer_than(&self, age: Duration, limit: usize) -> Vec<i64> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, one| one.callers.iter().any(|caller| !caller.is_closed()));
        let old = waiting.iter().filter(|(_, one)| one.since.elapsed() >= age);
        let mut rows: Vec<i64> = old.map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows.truncate(limit);
        rows
    }
}

#[cfg(test)]
mod tests {
    use brainops_event::{Offset, Partition, TopicName};

    use super::*;

    fn acknowledged(outbox_id: i64) -> Acknowledged {
        let position = Position {
            topic: TopicName::new("brainops.lead").unwrap(),
            partition: Partition::new(0).unwrap(),
            offset: Offset::new(outbox_id * 10).unwrap(),
        };
        Acknowledged { outbox_id, position, recorded_at: Timestamp::default() }
    }

    #[test]
    fn all_who_wait_for_a_row_are_answered_and_those_who_left_are_forgotten() {
        let waiters = Waiters::default();
        let (mut one, mut two) = (waiters.wait(1), waiters.wait(1));
        let mut other = waiters.wait(2);
        drop(waiters.wait(3));
        assert_eq!(waiters.longer_than(Duration::ZERO, 10), [1, 2]);
        assert_eq!(waiters.longer_than(Duration::from_secs(60), 10), [0i64; 0]);
        waiters.answer(&[acknowledged(1), acknowledged(9)]);
        assert_eq!(one.try_recv().unwrap(), acknowledged(1));
        assert_eq!(two.try_recv().unwrap(), acknowledged(1));
        assert!(other.try_recv().is_err());
        assert_eq!(waiters.longer_than(Duration::ZERO, 10), [2]);
    }
}
