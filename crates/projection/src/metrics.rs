//! The names of all metrics of this crate. Labels: `read_model` on all of them, on gauges `generation` as well (several
//! are followed side by side), further ones as stated.

/// Counter: events folded and committed.
pub const EVENTS_TOTAL: &str = "brainops_projection_events_total";
/// Counter: repeats left out.
pub const DUPLICATES_TOTAL: &str = "brainops_projection_duplicates_total";
/// Counter: records set aside as misplaced.
pub const MISPLACED_TOTAL: &str = "brainops_projection_misplaced_total";
/// Counter: subjects parked, and unreadable records held alone; label `reason_class`.
pub const PARKED_TOTAL: &str = "brainops_projection_parked_total";
/// Counter: records held behind a parked subject.
pub const HELD_TOTAL: &str = "brainops_projection_held_total";
/// Counter: records of the topic of decisions that cannot be read as any.
pub const UNREAD_DECISIONS_TOTAL: &str = "brainops_projection_unread_decisions_total";
/// Counter: times that a generation paused itself.
pub const PAUSES_TOTAL: &str = "brainops_projection_pauses_total";
/// Counter: transactions of former owners that a takeover ended.
pub const BACKENDS_ENDED_TOTAL: &str = "brainops_projection_backends_ended_total";
/// Gauge: subjects that are parked, and records that are held alone.
pub const PARKED: &str = "brainops_projection_parked";
/// Gauge: records that are held, the first of each subject included.
pub const HELD_RECORDS: &str = "brainops_projection_held_records";
/// Gauge: age in seconds of what was parked first and still is; 0 when nothing is.
pub const OLDEST_PARKED_SECONDS: &str = "brainops_projection_oldest_parked_seconds";
/// Counter: rows written; label `table`.
pub const ROWS_TOTAL: &str = "brainops_projection_rows_total";
/// Counter: batches committed.
pub const BATCHES_TOTAL: &str = "brainops_projection_batches_total";
/// Histogram: seconds from a batch's arrival to its commit, retries included.
pub const BATCH_SECONDS: &str = "brainops_projection_batch_seconds";
/// Counter: batches tried again after a passing error of the database.
pub const RETRIES_TOTAL: &str = "brainops_projection_retries_total";
/// Counter: commits whose outcome had to be read from the checkpoint.
pub const UNKNOWN_COMMITS_TOTAL: &str = "brainops_projection_unknown_commits_total";
/// Counter: partitions lost to another owner in mid-batch.
pub const TAKEN_OVER_TOTAL: &str = "brainops_projection_taken_over_total";
/// Gauge: partitions that stand; label `writer`; `brainops.progress` says why.
pub const STOPPED_PARTITIONS: &str = "brainops_projection_stopped_partitions";
/// Gauge: partitions that this process follows; label `writer`.
pub const HELD_PARTITIONS: &str = "brainops_projection_held_partitions";
/// Gauge: offsets between what is applied and the end of the log; labels `topic`, `partition`.
pub const LAG_OFFSETS: &str = "brainops_projection_lag_offsets";
/// Gauge: age in seconds of the first record that is not applied, 0 at the end; labels `topic`, `partition`.
pub const LAG_SECONDS: &str = "brainops_projection_lag_seconds";
