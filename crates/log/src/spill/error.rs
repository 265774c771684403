//! Why records cannot be set aside, or not be had back.
use std::io;
use std::path::{Path, PathBuf};

use brainops_event::{Offset, Partition, TopicId, TopicName};
use thiserror::Error;

/// Why records cannot be set aside, or not be had back. After any error but [`SpillError::Buckets`] a
/// [`Spill`](super::Spill) is used up: drop it, and resume.
#[derive(Debug, Error)]
pub enum SpillError {
    /// The disk is full, or our share of it. Resuming goes on once there is room.
    #[error("the disk of {} is full", folder.display())]
    DiskFull {
        /// Where records are set aside.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk did not do what it was asked.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what was written: it was changed or cut. Beginning anew helps.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// Somebody else writes or reads there at this moment.
    #[error("{} is in use by somebody else", folder.display())]
    Busy {
        /// Where records are set aside.
        folder: PathBuf,
    },
    /// No such bucket, or number of buckets.
    #[error("{found} is no bucket, or no number of buckets; accepted is up to {most}")]
    Buckets {
        /// What was asked for.
        found: u32,
        /// The most that is accepted.
        most: u32,
    },
    /// A batch does not go on where the one before it ended.
    #[error("{topic}/{partition} goes on at offset {found}, wanted is {wanted}")]
    NotNext {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// The next offset to be taken.
        wanted: Offset,
        /// Where the batch begins, or the spill was to end.
        found: Offset,
    },
    /// The topic was deleted and made again, or history changed under us: what was set aside is of another log.
    #[error("{topic} with the id {found} is another log than {expected}: {reason}")]
    OtherLog {
        /// The topic.
        topic: TopicName,
        /// The id by plan.
        expected: TopicId,
        /// The id of what was read.
        found: TopicId,
        /// How it shows.
        reason: &'static str,
    },
    /// It failed before. Drop it, and resume.
    #[error("setting aside in {} failed before and must be resumed", folder.display())]
    Broken {
        /// Where records are set aside.
        folder: PathBuf,
    },
}

impl SpillError {
    pub(super) fn disk(folder: &Path, path: &Path, action: &'static str, source: io::Error) -> SpillError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                SpillError::DiskFull { folder: folder.to_owned(), source }
            }
            _ => SpillError::Disk { path: path.to_owned(), action, source },
        }
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> SpillError {
        SpillError::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}
