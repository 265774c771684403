//! Growing pauses for what is tried again.

use chrono::TimeDelta;

/// Pauses that double, up to a bound, for a number of attempts: set a timer to the next one, and try again when it fires.
///
/// ```
/// # use brainops_saga::Backoff;
/// # use chrono::TimeDelta;
/// const PATIENCE: Backoff = Backoff::new(TimeDelta::minutes(1), TimeDelta::hours(1), 4);
/// let pauses: Vec<_> = (1..).map_while(|attempt| PATIENCE.after(attempt)).collect();
/// assert_eq!(pauses, [1, 2, 4].map(TimeDelta::minutes));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: TimeDelta,
    longest: TimeDelta,
    attempts: u32,
}

impl Backoff {
    /// So many attempts, the second one `first` after the first, and the others each twice as long after the one before,
    /// but no longer than `longest`.
    #[must_use]
    pub const fn new(first: TimeDelta, longest: TimeDelta, attempts: u32) -> Self {
        Self { first, longest, attempts }
    }

    /// How long after the attempt of this number, from 1, that has failed, the next one is; none: that was the last.
    #[must_use]
    pub fn after(&self, attempt: u32) -> Option<TimeDelta> {
        if attempt == 0 || attempt >= self.attempts {
            return None;
        }
        let factor = 1_i32.checked_shl(attempt - 1).filter(|factor| *factor > 0);
        let pause = factor.and_then(|factor| self.first.checked_mul(factor));
        Some(pause.map_or(self.longest, |pause| pause.min(self.longest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_end_with_the_attempts() {
        let backoff = Backoff::new(TimeDelta::seconds(10), TimeDelta::seconds(60), 100);
        let pauses = [1, 2, 3, 4, 32, 99].map(|attempt| backoff.after(attempt));
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60].map(|seconds| Some(TimeDelta::seconds(seconds))));
        assert_eq!([0, 100, u32::MAX].map(|attempt| backoff.after(attempt)), [None; 3]);
    }
}
