//! Names of everything this crate measures.

/// Counter by `topic`: records that a broker acknowledged.
pub(crate) const APPENDED_EVENTS: &str = "brainops_log_appended_events_total";
/// Histogram by `topic`, seconds: from a record's entry into the queue until its acknowledgement.
pub(crate) const APPEND_SECONDS: &str = "brainops_log_append_seconds";
/// Counter by `topic`: records that were not acknowledged.
pub(crate) const APPEND_FAILURES: &str = "brainops_log_append_failures_total";
/// Counter by `topic` and `group`: records delivered to a follower's owner, whatever their verdict.
pub(crate) const CONSUMED_RECORDS: &str = "brainops_log_consumed_records_total";
/// Counter by `topic` and `group`: records that repeat an event within the window.
pub(crate) const DUPLICATE_RECORDS: &str = "brainops_log_duplicate_records_total";
/// Counter by `topic` and `group`: records whose key or partition is not their subject's.
pub(crate) const MISPLACED_RECORDS: &str = "brainops_log_misplaced_records_total";
/// Counter by `topic` and `group`: records that cannot be read as an event.
pub(crate) const POISON_RECORDS: &str = "brainops_log_poison_records_total";
/// Gauge by `topic` and `group`: records not yet delivered, summed over the partitions that are followed here.
pub(crate) const LAG_OFFSETS: &str = "brainops_log_lag_offsets";
/// Gauge by `topic` and `group`, seconds: age of the oldest record not yet delivered; 0 at the end.
pub(crate) const LAG_SECONDS: &str = "brainops_log_lag_seconds";
