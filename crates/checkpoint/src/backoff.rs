//! Growing pauses between attempts, up to a bound.

use std::time::Duration;

/// Pauses that double from `first` to `longest`. Attempts are not counted out: an outage ends when it ends, and
/// meanwhile the caller looks at its shutdown token at every pause.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// For statements that the database may soon take: 50 ms to 5 s.
    pub const fn for_database() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(5))
    }

    /// How long to wait before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = self.next.saturating_mul(2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(150));
        let pauses: Vec<u128> = (0..4).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 150, 150]);
    }
}
