//! What one instance knows of the partitions that it follows; shared between the loop that folds and the heartbeat.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brainops_event::{Offset, Position, Timestamp, TopicId};
use brainops_log::RecordDigest;
use chrono::TimeDelta;

use crate::checkpoint::Place;
use crate::reason::ReasonClass;

/// How long the end of a log, once seen, is taken for its end. After that the lag is not known: better no answer than
/// a lag of zero while nobody can reach the log.
const END_IS_GOOD_FOR: TimeDelta = TimeDelta::seconds(15);

/// Why a partition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) class: ReasonClass,
    pub(crate) reason: String,
    /// The record that could not be folded, if it is about one.
    pub(crate) at: Option<Position>,
}

/// Whether a partition is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It is.
    Running,
    /// It stands before `next`, and says why. A new assignment tries again.
    Stopped(Stop),
    /// Another instance has a newer epoch: nothing of it may be written, not even a heartbeat.
    TakenOver,
}

/// When the first record that is not applied was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstUnapplied {
    /// Then.
    At(Timestamp),
    /// It has not been seen since this moment, or there is none.
    UnknownSince(Timestamp),
}

/// One partition that this instance follows.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) topic_id: TopicId,
    pub(crate) epoch: i64,
    /// The first offset that is not applied.
    pub(crate) next: Offset,
    /// Digest of the record before `next`, if it is known.
    pub(crate) last_digest: Option<RecordDigest>,
    /// The end of the log, and when it was seen there.
    pub(crate) log_end: (Offset, Timestamp),
    pub(crate) first_unapplied: FirstUnapplied,
    pub(crate) state: State,
}

impl Held {
    pub(crate) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// The end of the log, unless it was seen too long ago to say anything about now.
    pub(crate) fn log_end(&self, now: Timestamp) -> Option<Offset> {
        let (end, seen_at) = self.log_end;
        (now - seen_at < END_IS_GOOD_FOR).then_some(end)
    }

    /// Offsets between what is applied and the end of the log; `None` when not known.
    pub(crate) fn lag_offsets(&self, now: Timestamp) -> Option<i64> {
        self.log_end(now).map(|end| (end.get() - self.next.get()).max(0))
    }

    /// Age of the first record that is not applied: 0 at the end of the log, `None` when not known.
    pub(crate) fn lag_seconds(&self, now: Timestamp) -> Option<f64> {
        match (self.lag_offsets(now)?, self.first_unapplied) {
            (0, _) => Some(0.0),
            // Clocks of other machines may be ahead of ours; ages are never negative.
            (_, FirstUnapplied::At(then)) => Some((now - then).to_std().map_or(0.0, |age| age.as_secs_f64())),
            (_, FirstUnapplied::UnknownSince(_)) => None,
        }
    }

    /// Notes where the log ends; a look that is older than the last one says nothing.
    pub(crate) fn see_log_end(&mut self, end: Offset, seen_at: Timestamp) {
        if seen_at >= self.log_end.1 {
            self.log_end = (end, seen_at);
        }
    }
}

/// All partitions of an instance. Cheap to clone; the lock is held for a few lines at a time and never across an await.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    held: Arc<Mutex<BTreeMap<Place, Held>>>,
}

impl Board {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Held>> {
        // Nothing that holds the lock can leave the map half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<Place, Held> {
        self.lock().clone()
    }

    /// Stops a partition, unless it already stands.
    pub(crate) fn stop(&self, place: &Place, stop: Stop) {
        if let Some(held) = self.lock().get_mut(place).filter(|held| held.is_running()) {
            held.state = State::Stopped(stop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;

    fn held(next: i64, log_end: (i64, Timestamp), first_unapplied: FirstUnapplied) -> Held {
        Held {
            topic_id: TopicId::new("an-id").unwrap(),
            epoch: 1,
            next: Offset::new(next).unwrap(),
            last_digest: None,
            log_end: (Offset::new(log_end.0).unwrap(), log_end.1),
            first_unapplied,
            state: State::Running,
        }
    }

    #[test]
    fn lag_is_zero_at_the_end_and_else_the_age_of_the_first_record_behind() {
        let now = Utc::now();
        let then = FirstUnapplied::At(now - TimeDelta::seconds(90));
        let ahead = FirstUnapplied::At(now + TimeDelta::seconds(90));
        let unknown = FirstUnapplied::UnknownSince(now);
        let long_ago = now - TimeDelta::seconds(16);
        let cases = [
            (held(5, (5, now), then), Some(0), Some(0.0)),
            (held(5, (5, now), unknown), Some(0), Some(0.0)),
            (held(6, (5, now), then), Some(0), Some(0.0)), // the end was seen before the last batch
            (held(2, (5, now), then), Some(3), Some(90.0)),
            (held(2, (5, now), ahead), Some(3), Some(0.0)),
            (held(2, (5, now), unknown), Some(3), None),
            (held(5, (5, long_ago), then), None, None),
        ];
        for (held, offsets, seconds) in cases {
            assert_eq!(held.lag_offsets(now), offsets, "{held:?}");
            assert_eq!(held.lag_seconds(now), seconds, "{held:?}");
        }
    }
}
