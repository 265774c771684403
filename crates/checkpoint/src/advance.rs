//! The arithmetic of checkpoints, without a database.
//!
//! A checkpoint is the next offset `n`: everything before it is folded. A batch brings, per partition, a half-open
//! interval `[from, through)` of offsets, gaps in the log included. Four rows decide everything:
//!
//! | the interval | means | answer |
//! |---|---|---|
//! | `from == n` | what follows | take it |
//! | `through <= n` | a replay | leave it out, harmless |
//! | otherwise, `from < n` | an overlap | refuse: half of it is folded |
//! | otherwise, `from > n` | a gap | refuse, and name what is missing |

use brainops_event::Offset;

/// What an interval means for a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It follows.
    Follows,
    /// All of it was folded before.
    Replay,
    /// A part of it was folded before.
    Overlap,
    /// Something before it is missing.
    Gap,
}

/// Judges the interval `[from, through)` against the checkpoint `next`.
pub fn judge(next: Offset, from: Offset, through: Offset) -> Step {
    if from == next && through > from {
        Step::Follows
    } else if through <= next {
        Step::Replay
    } else if from < next {
        Step::Overlap
    } else {
        Step::Gap
    }
}

/// What one checkpoint row says after a COMMIT whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The owner's epoch.
    pub epoch: i64,
    /// The next offset.
    pub next: Offset,
}

/// What the transaction had claimed for one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The owner's epoch.
    pub epoch: i64,
    /// The next offset before.
    pub from: Offset,
    /// The next offset after.
    pub through: Offset,
}

/// What one partition tells about the fate of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was committed.
    Committed,
    /// It was not, and never will be, since the caller holds the row's lock.
    Lost,
    /// Another owner has taken over; what it found there was final, and the partition is no longer ours.
    TakenOver,
    /// The row says something that no history of ours explains.
    Impossible,
}

/// Judges one row, read behind its lock, against the claim on it.
pub fn fate(claim: Claim, found: Option<Found>) -> Fate {
    match found {
        Some(found) if found.epoch > claim.epoch => Fate::TakenOver,
        Some(found) if found.epoch == claim.epoch && found.next == claim.through => Fate::Committed,
        Some(found) if found.epoch == claim.epoch && found.next == claim.from => Fate::Lost,
        _ => Fate::Impossible,
    }
}

/// The fate of a transaction from the fates of its partitions: a transaction is committed whole or not at all, so
/// those that tell must agree. `None` when they do not.
pub fn fate_of_all(fates: impl IntoIterator<Item = Fate>) -> Option<Fate> {
    let mut whole = Fate::TakenOver;
    for fate in fates {
        whole = match (whole, fate) {
            (_, Fate::Impossible) => return None,
            (known, Fate::TakenOver) => known,
            (Fate::TakenOver, told) => told,
            (known, told) if known == told => known,
            _ => return None,
        };
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Offset {
        Offset::new(offset).unwrap()
    }

    #[test]
    fn an_interval_follows_repeats_overlaps_or_leaves_a_gap() {
        let cases = [
            // next, from, through
            (0, 0, 1, Step::Follows),
            (5, 5, 9, Step::Follows),
            (5, 0, 5, Step::Replay),
            (5, 2, 3, Step::Replay),
            (5, 5, 5, Step::Replay), // nothing in it
            (5, 4, 6, Step::Overlap),
            (5, 0, 9, Step::Overlap),
            (5, 6, 9, Step::Gap),
            (5, 7, 7, Step::Gap), // nothing in it, but beyond
            (0, i64::MAX, i64::MAX, Step::Gap),
        ];
        for (next, from, through, expected) in cases {
            assert_eq!(judge(at(next), at(from), at(through)), expected, "{next}: [{from}, {through})");
        }
    }

    #[test]
    fn intervals_that_follow_one_another_cover_the_log_once() {
        let mut next = at(0);
        let mut covered = Vec::new();
        for (from, through) in [(0, 3), (0, 3), (3, 4), (2, 5), (4, 9), (10, 11), (3, 9)] {
            if judge(next, at(from), at(through)) == Step::Follows {
                covered.extend(from..through);
                next = at(through);
            }
        }
        assert_eq!(covered, (0..9).collect::<Vec<i64>>());
    }

    #[test]
    fn after_an_unknown_commit_the_checkpoint_decides() {
        let claim = Claim { epoch: 3, from: at(10), through: at(20) };
        let cases = [
            (Some((3, 20)), Fate::Committed),
            (Some((3, 10)), Fate::Lost),
            (Some((4, 10)), Fate::TakenOver),
            (Some((4, 20)), Fate::TakenOver),
            (Some((3, 15)), Fate::Impossible),
            (Some((2, 20)), Fate::Impossible),
            (None, Fate::Impossible),
        ];
        for (found, expected) in cases {
            let found = found.map(|(epoch, next)| Found { epoch, next: at(next) });
            assert_eq!(fate(claim, found), expected, "{found:?}");
        }
    }

    #[test]
    fn partitions_of_one_transaction_must_agree() {
        use Fate::{Committed, Impossible, Lost, TakenOver};
        let cases = [
            (vec![Committed, TakenOver, Committed], Some(Committed)),
            (vec![TakenOver, Lost], Some(Lost)),
            (vec![TakenOver], Some(TakenOver)),
            (vec![Committed, Lost], None),
            (vec![Lost, Impossible], None),
        ];
        for (fates, expected) in cases {
            assert_eq!(fate_of_all(fates.clone()), expected, "{fates:?}");
        }
    }
}
