//! A partition that was set aside whole.
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brainops_event::{Offset, Timestamp};

use super::mark::Mark;
use super::reading::Blocks;
use super::{
    BucketCounts, BucketReading, MisplacedReading, SpillCounts, SpillError, SpillPlan, records_path,
};
use crate::digest::RecordDigest;
use crate::read::ReadOptions;
use crate::registry::Registry;

/// A partition that was set aside whole. Cheap to clone; buckets can be read at once by many threads and processes.
/// The folder stays locked until all clones and readings are dropped.
#[derive(Debug, Clone)]
pub struct Spilled {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) path: PathBuf,
    pub(super) plan: SpillPlan,
    pub(super) seed: u32,
    pub(super) mark: Mark,
    /// Locked against those who write.
    pub(super) file: File,
}

impl Spilled {
    /// What was set aside by this plan in a folder; none when that is not there or was not finished. Whether it ends
    /// where it should is for the caller to see.
    ///
    /// # Errors
    /// The plan cannot be, somebody writes there, the file is shorter or longer than it was, or the disk fails.
    pub fn open(folder: &Path, plan: &SpillPlan) -> Result<Option<Spilled>, SpillError> {
        plan.check()?;
        let path = records_path(folder);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpillError::disk(folder, &path, "open", error)),
        };
        lock_shared(folder, &file)?; // before the mark is read, which whoever writes may replace
        match Mark::read(folder, plan)?.filter(|mark| mark.is_finished) {
            Some(mark) => Spilled::new(folder, plan.clone(), file, mark).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn new(folder: &Path, plan: SpillPlan, file: File, mark: Mark) -> Result<Spilled, SpillError> {
        let path = records_path(folder);
        lock_shared(folder, &file)?;
        let metadata = file.metadata().map_err(|error| SpillError::disk(folder, &path, "look at", error))?;
        if metadata.len() != mark.length {
            let reason = format!("it has {} bytes, {} were written", metadata.len(), mark.length);
            return Err(SpillError::damaged(&path, reason));
        }
        let (folder, seed) = (folder.to_owned(), plan.seed());
        Ok(Spilled { shared: Arc::new(Shared { folder, path, plan, seed, mark, file }) })
    }

    /// What was set aside.
    pub fn plan(&self) -> &SpillPlan {
        &self.shared.plan
    }

    /// The offset up to which the partition was set aside.
    pub fn end(&self) -> Offset {
        Offset::new(self.shared.mark.next).unwrap_or(self.shared.plan.start)
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> u32 {
        self.shared.plan.buckets
    }

    /// What all buckets hold together, and what was dropped.
    pub fn counts(&self) -> SpillCounts {
        self.shared.mark.counts()
    }

    /// What one bucket holds; none when there is no such bucket.
    pub fn bucket_counts(&self, number: u32) -> Option<BucketCounts> {
        let chain = self.shared.mark.chains[..self.buckets() as usize].get(number as usize)?;
        Some(BucketCounts { records: chain.records, bytes: chain.bytes })
    }

    /// Digest and recorded time of the last record of the partition that was read, whatever its verdict.
    pub fn last_record(&self) -> Option<(RecordDigest, Timestamp)> {
        self.shared.mark.last_record()
    }

    /// The misplaced records, in log order.
    pub fn misplaced(&self) -> MisplacedReading {
        MisplacedReading { blocks: Blocks::new(&self.shared, self.buckets()) }
    }

    /// The records of a bucket again, in batches as large as wanted.
    ///
    /// # Errors
    /// There is no such bucket.
    pub fn bucket(
        &self,
        number: u32,
        registry: &Registry,
        options: ReadOptions,
    ) -> Result<BucketReading, SpillError> {
        if number >= self.buckets() {
            return Err(SpillError::Buckets { found: number, most: self.buckets() - 1 });
        }
        Ok(BucketReading::new(Blocks::new(&self.shared, number), registry, options))
    }
}

/// Keeps those who write out.
fn lock_shared(folder: &Path, file: &File) -> Result<(), SpillError> {
    match file.try_lock_shared() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(SpillError::Busy { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => {
            Err(SpillError::disk(folder, &records_path(folder), "lock", error))
        }
    }
}
