//! Spans of time, of one length, beginning at whole multiples of it: whoever looks, they are the same.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A span: from here, and up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: DateTime<Utc>,
    pub(crate) through: DateTime<Utc>,
}

impl Span {
    /// The one that a moment lies in.
    pub(crate) fn of(moment: DateTime<Utc>, length: Duration) -> Self {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        let from = moment - TimeDelta::milliseconds(moment.timestamp_millis().rem_euclid(length));
        let from = DateTime::from_timestamp_millis(from.timestamp_millis()).unwrap_or(from);
        Self { from, through: from + TimeDelta::milliseconds(length) }
    }

    /// How long it is until its end, and some more.
    pub(crate) fn left(&self, now: DateTime<Utc>, grace: Duration) -> Duration {
        (self.through - now).to_std().unwrap_or_default() + grace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_the_same_whoever_looks() {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        let five = Duration::from_secs(5);
        let span = Span::of(at(12_345), five);
        assert_eq!((span.from, span.through), (at(10_000), at(15_000)));
        assert_eq!(Span::of(at(10_000), five), span);
        assert_eq!(Span::of(at(14_999), five), span);
        assert_ne!(Span::of(at(15_000), five), span);
        assert_eq!(span.left(at(12_000), Duration::from_secs(1)), Duration::from_secs(4));
        assert_eq!(span.left(at(99_000), Duration::from_secs(1)), Duration::from_secs(1));
    }
}
