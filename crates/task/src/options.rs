//! How long, how often, how much later.

use std::time::Duration;

use crate::error::FieldError;

/// How long a claim counts unless it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(Duration);

impl Lease {
    /// Takes 100 ms to 24 hours.
    ///
    /// # Errors
    /// It is shorter or longer.
    pub fn new(lasts: Duration) -> Result<Self, FieldError> {
        if (Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(&lasts) {
            return Ok(Self(lasts));
        }
        Err(FieldError { field: "lease", expected: "0.1 to 86400 seconds" })
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}

/// How much later a task is handed out again after a failure, unless its worker says so: twice as long each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure. Default: 10 s.
    pub first: Duration,
    /// At most. Default: 1 h.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after the failure of this number, from 1.
    #[must_use]
    pub fn after(self, failure: i32) -> Duration {
        let doubled = u32::try_from(failure.saturating_sub(1)).unwrap_or(0).min(31);
        self.first.saturating_mul(1 << doubled).min(self.longest)
    }
}

/// What holds for all tasks, whoever works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOptions {
    /// How often a task is tried: failures that are said, and leases that run out. Default: 5.
    pub max_attempts: u32,
    /// The pauses between.
    pub backoff: Backoff,
}

impl Default for TaskOptions {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(3_600) };
        Self { max_attempts: 5, backoff }
    }
}

/// The longest pause that a worker may ask for: thirty days.
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 86_400);

/// Refuses pauses that are too long.
pub(crate) fn pause(field: &'static str, pause: Duration) -> Result<Duration, FieldError> {
    if pause <= LONGEST_PAUSE { Ok(pause) } else { Err(FieldError { field, expected: "30 days at most" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let backoff = TaskOptions::default().backoff;
        let pauses = [1, 2, 3, 9, 10, i32::MAX].map(|failure| backoff.after(failure).as_secs());
        assert_eq!(pauses, [10, 20, 40, 2_560, 3_600, 3_600]);
    }

    #[test]
    fn a_lease_lasts_a_moment_to_a_day() {
        for (millis, fits) in [(99, false), (100, true), (86_400_000, true), (86_400_001, false)] {
            assert_eq!(Lease::new(Duration::from_millis(millis)).is_ok(), fits, "{millis}");
        }
    }
}
