//! Sets the records of one partition aside on disk by subject, so that history can be folded subject by subject.
//!
//! A read model is rebuilt in two passes. The first reads a partition once, in log order, and puts each accepted
//! record into a bucket by its key; the second takes bucket by bucket and folds. All records of a subject lie in one
//! bucket, in log order, so a bucket can be folded alone, in memory, in parallel with others.
//!
//! ```text
//!   folder/records   block | block | block | ...       one file, appended to; a block holds records of one bucket
//!                      ^_______________|               and names the block of that bucket before it
//!   folder/mark      up to where all this is true: next offset, length of the file, last block of each bucket
//! ```
//!
//! **What can be relied on.** [`Spill::mark`] makes what was taken so far durable, and the mark is replaced in one
//! step; so [`Spill::resume`] goes on at a true position whatever happened at whatever moment, and what lies behind
//! the mark is cut off. Every block has a checksum over what it holds, where it stands, and whose it is: a file that
//! was changed or cut is [`SpillError::Damaged`], never other records. Records come back byte for byte, and are
//! resolved as a reader of the log resolves them.
//!
//! **What it costs.** Memory: 8 MiB per [`Spill`], and one record more; what is read of a bucket at once is bounded by
//! [`ReadOptions`](crate::ReadOptions). A mark costs two fsyncs of files and one of the folder, and ends the block of
//! every bucket: too many of them make small blocks, which are slow to read. So it is for every 64 MiB or so, not for
//! every batch. Disk: keys, values and headers as they are, some 10 bytes for each record, 32 for each block.
//!
//! **What is not here.** Duplicates are counted and dropped. Misplaced records belong to no subject: they are kept in
//! a list of their own. Nobody reads a folder while it is written: it is locked, also against other processes.
mod block;
mod error;
mod mark;
mod misplaced;
mod reading;
mod spilled;
mod write;

use std::path::{Path, PathBuf};

use brainops_event::{Offset, Partition, Timestamp, TopicId, TopicName};

pub use block::bucket_of;
pub use error::SpillError;
pub use misplaced::{MisplacedReading, MisplacedRecord};
pub use reading::BucketReading;
pub use spilled::Spilled;
pub use write::Spill;

use crate::digest::RecordDigest;
use crate::header_name::HeaderName;

/// The most buckets of one spill. Each has a block of its own in memory, so more would make blocks small.
pub const MAX_SPILL_BUCKETS: u32 = 1024;

const RECORDS_FILE: &str = "records";
const MARK_FILE: &str = "mark";
const NEW_MARK_FILE: &str = "mark.new";

/// What is set aside: which partition, from where on, into how many buckets. What was spilled by another plan is of no
/// use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillPlan {
    /// The topic.
    pub topic: TopicName,
    /// Its id.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: Partition,
    /// How many buckets, 1 to [`MAX_SPILL_BUCKETS`].
    pub buckets: u32,
    /// The first offset.
    pub start: Offset,
}

/// What was set aside so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpillCounts {
    /// Records in buckets.
    pub records: u64,
    /// Repeats, which were dropped.
    pub duplicates: u64,
    /// Misplaced records, which are in their own list.
    pub misplaced: u64,
    /// Bytes of keys, values and headers in buckets.
    pub bytes: u64,
}

/// What one bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketCounts {
    /// Records.
    pub records: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
}

/// Digest and recorded time of a record.
pub(crate) type LastRecord = (RecordDigest, Timestamp);

/// Removes what a spill left in a folder, and the folder. Nothing there is nothing to remove.
///
/// # Errors
/// Something cannot be removed: [`SpillError::Disk`], also when the folder holds other files.
pub fn remove_spill(folder: &Path) -> Result<(), SpillError> {
    let gone = |done: std::io::Result<()>, path: &Path| match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SpillError::disk(folder, path, "remove", error))
        }
        _ => Ok(()),
    };
    for name in [MARK_FILE, NEW_MARK_FILE, RECORDS_FILE] {
        let path = folder.join(name);
        gone(std::fs::remove_file(&path), &path)?;
    }
    gone(std::fs::remove_dir(folder), folder)
}

impl SpillPlan {
    fn check(&self) -> Result<(), SpillError> {
        if (1..=MAX_SPILL_BUCKETS).contains(&self.buckets) {
            return Ok(());
        }
        Err(SpillError::Buckets { found: self.buckets, most: MAX_SPILL_BUCKETS })
    }

    /// What every checksum begins with, so that no block of another plan passes, nor one that was written while
    /// headers had other short names.
    fn seed(&self) -> u32 {
        let SpillPlan { topic, topic_id, partition, buckets, start } = self;
        let plan = format!("spill 1|{topic}|{topic_id}|{partition}|{buckets}|{start}");
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(plan.as_bytes());
        HeaderName::known().for_each(|name| hasher.update(name.as_bytes()));
        hasher.finalize()
    }
}

fn records_path(folder: &Path) -> PathBuf {
    folder.join(RECORDS_FILE)
}

#[cfg(test)]
mod tests;
