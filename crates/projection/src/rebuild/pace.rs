//! In which pieces history is folded, and how long they are kept for a process that is not heard of.

use std::time::Duration;

/// In which pieces history is folded. The defaults are for real histories; tests want many small pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long a partition is kept for a process that is not heard of; default 15 s, and never below 3 s: leases are
    /// renewed every second.
    pub lease: Duration,
    /// How many bytes are set aside between two marks: what a crash may cost. Default 256 MiB.
    pub mark_bytes: u64,
    /// Offsets that a bucket should have; default 60,000: so many decoded rows fit in memory several times.
    pub offsets_per_bucket: i64,
    /// How many records are read at once; default 2,000: batches that stay in the caches of a processor.
    pub records_at_once: usize,
    /// How many bytes of rows of a partition are folded in memory before its records are set aside after all, counted as
    /// the records that made them; so many for each partition that is worked on at a time. Default 64 MiB; 0: they are
    /// always set aside.
    pub in_memory_bytes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            mark_bytes: 256 * 1024 * 1024,
            offsets_per_bucket: 60_000,
            records_at_once: 2_000,
            in_memory_bytes: 64 * 1024 * 1024,
        }
    }
}
