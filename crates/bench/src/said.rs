//! Events for the ways in: small messages, as an agent would say them.

use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject};

/// Subjects that they are spread over.
const SUBJECTS: u64 = 10_000;

/// The topic that they go to, without prefix.
pub(crate) const TOPIC: &str = "agent";

/// The event of this number within a run, about 250 bytes with its headers.
pub(crate) fn said(run: &str, number: u64) -> anyhow::Result<Outgoing> {
    let envelope = Envelope::new(
        EventId::new(format!("{run}-{number}"))?,
        Source::new("bench")?,
        EventType::new("bench.said")?,
        Subject::new(format!("said-{}", number % SUBJECTS))?,
    );
    let text = format!(
        r#"{{"number": {number}, "text": "the quick brown fox jumps over the lazy dog, and again"}}"#
    );
    Ok(Outgoing::message(envelope, &text)?)
}

/// A name for a run that no run before had.
pub(crate) fn run_name() -> String {
    let now = chrono::Utc::now().timestamp_micros();
    format!("{now}-{}", std::process::id())
}

/// The value below which a share of the values lie.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&sorted, 0.5), percentile(&sorted, 0.99)), (50.0, 99.0));
        assert_eq!((percentile(&sorted, 1.0), percentile(&sorted[..1], 0.5)), (100.0, 1.0));
        assert!(percentile(&[], 0.5).is_nan());
    }
}
