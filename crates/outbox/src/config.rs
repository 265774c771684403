//! How the outbox is bounded and leased. Read once, checked at the edge, passed by value; unknown keys are refused.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The section `[outbox]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxConfig {
    /// How many relays may send at the same time, each to its own partitions: 1 to 64. Changes only when the outbox
    /// is empty and no relay runs. Default: 4.
    pub shards: u16,
    /// How many events may wait for Kafka before more are refused: 1 to 100,000,000. Default: 100,000.
    pub max_pending: u64,
    /// How many bytes of events may wait for Kafka before more are refused: 1,000,000 to 1 TB. Default: 268,435,456.
    pub max_pending_bytes: u64,
    /// Milliseconds after its last sign that a relay is taken for dead: 500 to 60,000. Default: 5,000.
    pub lease_ms: u64,
    /// Milliseconds that a caller waits for Kafka's acknowledgement: 100 to 600,000. Default: 30,000.
    pub answer_limit_ms: u64,
    /// Hours that a row stays after its acknowledgement: 0 to 8,760. Default: 168, a week.
    pub keep_hours: u64,
}

/// A setting that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} is {found}, accepted is {accepted}")]
pub struct OutboxConfigError {
    /// Name of the key, with its section.
    pub field: &'static str,
    /// What was given.
    pub found: u64,
    /// What would be taken.
    pub accepted: &'static str,
}

impl Default for OutboxConfig {
    fn default() -> OutboxConfig {
        OutboxConfig {
            shards: 4,
            max_pending: 100_000,
            max_pending_bytes: 256 * 1024 * 1024,
            lease_ms: 5_000,
            answer_limit_ms: 30_000,
            keep_hours: 7 * 24,
        }
    }
}

impl OutboxConfig {
    /// Whether every value is within its bounds.
    ///
    /// # Errors
    /// One is not; the error names it and what is accepted.
    pub fn check(&self) -> Result<(), OutboxConfigError> {
        within("outbox.shards", u64::from(self.shards), 1..=64, "a number from 1 to 64")?;
        within("outbox.max_pending", self.max_pending, 1..=100_000_000, "a number from 1 to 100000000")?;
        within(
            "outbox.max_pending_bytes",
            self.max_pending_bytes,
            1_000_000..=1_000_000_000_000,
            "a number from 1000000 to 1000000000000",
        )?;
        within("outbox.lease_ms", self.lease_ms, 500..=60_000, "a number from 500 to 60000")?;
        within("outbox.answer_limit_ms", self.answer_limit_ms, 100..=600_000, "a number from 100 to 600000")?;
        within("outbox.keep_hours", self.keep_hours, 0..=8_760, "a number from 0 to 8760")
    }

    /// How long after its last sign a relay is taken for dead.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// How long a caller waits for Kafka's acknowledgement.
    pub fn answer_limit(&self) -> Duration {
        Duration::from_millis(self.answer_limit_ms)
    }

    /// How long a row stays after its acknowledgement.
    pub fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_hours * 3600)
    }
}

fn within(
    field: &'static str,
    found: u64,
    range: RangeInclusive<u64>,
    accepted: &'static str,
) -> Result<(), OutboxConfigError> {
    if range.contains(&found) { Ok(()) } else { Err(OutboxConfigError { field, found, accepted }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_is_the_default_and_what_cannot_be_true_names_its_key() {
        let config: OutboxConfig = toml::from_str("").unwrap();
        assert_eq!(config, OutboxConfig::default());
        assert_eq!(config.check(), Ok(()));
        for (text, field) in [
            ("shards = 0", "outbox.shards"),
            ("max_pending = 0", "outbox.max_pending"),
            ("max_pending_bytes = 1", "outbox.max_pending_bytes"),
            ("lease_ms = 1", "outbox.lease_ms"),
            ("answer_limit_ms = 0", "outbox.answer_limit_ms"),
            ("keep_hours = 9000", "outbox.keep_hours"),
        ] {
            let config: OutboxConfig = toml::from_str(text).unwrap();
            assert_eq!(config.check().unwrap_err().field, field);
        }
        assert!(
            toml::from_str::<OutboxConfig>("lease = 5").unwrap_err().to_string().contains("unknown field")
        );
    }
}
