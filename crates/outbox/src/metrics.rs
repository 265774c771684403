//! Names of everything this crate measures.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Gauge: rows that Kafka has not acknowledged, in all processes.
pub(crate) const PENDING_ROWS: &str = "brainops_outbox_pending_rows";
/// Gauge, bytes: of those rows' records.
pub(crate) const PENDING_BYTES: &str = "brainops_outbox_pending_bytes";
/// Gauge, seconds: age of the oldest row that Kafka has not acknowledged; 0 when there is none.
pub(crate) const OLDEST_PENDING_SECONDS: &str = "brainops_outbox_oldest_pending_seconds";
/// Gauge: partitions that nothing is sent to.
pub(crate) const STOPPED_PARTITIONS: &str = "brainops_outbox_stopped_partitions";
/// Counter: events that were reserved and queued.
pub(crate) const APPENDED: &str = "brainops_outbox_appended_total";
/// Counter: events that had been said before.
pub(crate) const REPEATS: &str = "brainops_outbox_repeats_total";
/// Counter: events whose source and id belong to another event.
pub(crate) const CONFLICTS: &str = "brainops_outbox_conflicts_total";
/// Counter: events that were refused because too much waits.
pub(crate) const REFUSED: &str = "brainops_outbox_refused_total";
/// Histogram: events that shared one transaction.
pub(crate) const GROUP_EVENTS: &str = "brainops_outbox_group_events";
/// Histogram, seconds: from an event's entry into the queue until Kafka's acknowledgement.
pub(crate) const APPEND_SECONDS: &str = "brainops_outbox_append_seconds";
/// Counter by `shard`: leases taken.
pub(crate) const LEASES_TAKEN: &str = "brainops_outbox_leases_taken_total";
/// Counter by `shard`: sessions of a relay that ended by an error.
pub(crate) const SESSIONS_FAILED: &str = "brainops_outbox_sessions_failed_total";
/// Counter by `shard`: rows of earlier epochs that were found in the log.
pub(crate) const RECOVERED: &str = "brainops_outbox_recovered_rows_total";
/// Counter by `shard`: rows of earlier epochs that were sent again.
pub(crate) const SENT_AGAIN: &str = "brainops_outbox_sent_again_total";
/// Counter by `shard`: events that were found in the log and had no reservation.
pub(crate) const RESERVED_FROM_LOG: &str = "brainops_outbox_reserved_from_log_total";
/// Counter: rows that a relay of this process sent and saw acknowledged.
pub(crate) const SENT: &str = "brainops_outbox_sent_total";
/// Counter: rows removed some days after their acknowledgement.
pub(crate) const PURGED: &str = "brainops_outbox_purged_rows_total";

/// Tells the recorder what each of these means. To be called once, after the recorder is installed.
pub fn describe_metrics() {
    describe_gauge!(PENDING_ROWS, Unit::Count, "Rows of the outbox that Kafka has not acknowledged.");
    describe_gauge!(PENDING_BYTES, Unit::Bytes, "Bytes of the rows that Kafka has not acknowledged.");
    describe_gauge!(
        OLDEST_PENDING_SECONDS,
        Unit::Seconds,
        "Age of the oldest row that Kafka has not acknowledged."
    );
    describe_gauge!(STOPPED_PARTITIONS, Unit::Count, "Partitions that nothing is sent to.");
    describe_counter!(APPENDED, Unit::Count, "Events that were reserved and queued.");
    describe_counter!(REPEATS, Unit::Count, "Events that had been said before.");
    describe_counter!(CONFLICTS, Unit::Count, "Events whose source and id belong to another event.");
    describe_counter!(REFUSED, Unit::Count, "Events that were refused because too much waits.");
    describe_histogram!(GROUP_EVENTS, Unit::Count, "Events that shared one transaction.");
    describe_histogram!(
        APPEND_SECONDS,
        Unit::Seconds,
        "From an event's entry until Kafka's acknowledgement."
    );
    describe_counter!(LEASES_TAKEN, Unit::Count, "Leases taken, by shard.");
    describe_counter!(SESSIONS_FAILED, Unit::Count, "Sessions of a relay that ended by an error, by shard.");
    describe_counter!(RECOVERED, Unit::Count, "Rows of earlier epochs that were found in the log, by shard.");
    describe_counter!(SENT_AGAIN, Unit::Count, "Rows of earlier epochs that were sent again, by shard.");
    describe_counter!(
        RESERVED_FROM_LOG,
        Unit::Count,
        "Events found in the log without a reservation, by shard."
    );
    describe_counter!(SENT, Unit::Count, "Rows sent and acknowledged.");
    describe_counter!(PURGED, Unit::Count, "Rows removed after their time.");
}
