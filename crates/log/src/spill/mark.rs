//! Up to where a spill is true.
//!
//! The file is one line with the checksum of the rest, then JSON. It is written anew beside the old one and takes its
//! place in one step, when all that it says is on the disk.
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use brainops_event::{Offset, timestamp_from_millis};
use serde::{Deserialize, Serialize};

use super::{LastRecord, MARK_FILE, NEW_MARK_FILE, SpillCounts, SpillError, SpillPlan};
use crate::digest::RecordDigest;

/// The blocks of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) records: u64,
    /// Of keys, values and headers.
    pub(super) bytes: u64,
    pub(super) blocks: u32,
    /// Where the last one begins.
    pub(super) last: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Of the plan. What it says is known by whoever reads the mark.
    seed: u32,
    topic_id: String,
    /// The next offset to be taken.
    pub(super) next: i64,
    /// Whether nothing more is to be taken.
    pub(super) is_finished: bool,
    /// Of the file of records.
    pub(super) length: u64,
    /// Of the buckets, and of the misplaced after them.
    pub(super) chains: Vec<Chain>,
    pub(super) duplicates: u64,
    pub(super) last_record: Option<([u8; 16], i64)>,
}

impl Mark {
    /// Where a plan begins.
    pub(super) fn new(plan: &SpillPlan) -> Mark {
        Mark {
            seed: plan.seed(),
            topic_id: plan.topic_id.to_string(),
            next: plan.start.get(),
            is_finished: false,
            length: 0,
            chains: vec![Chain::default(); plan.buckets as usize + 1],
            duplicates: 0,
            last_record: None,
        }
    }

    pub(super) fn last_record(&self) -> Option<LastRecord> {
        let (digest, at_ms) = self.last_record?;
        Some((RecordDigest::from(digest), timestamp_from_millis(at_ms).unwrap_or_default()))
    }

    /// Moves on behind a record.
    pub(super) fn advance(&mut self, next: Offset, (digest, at): LastRecord) {
        self.next = next.get();
        self.last_record = Some((*digest.as_bytes(), at.timestamp_millis()));
    }

    pub(super) fn counts(&self) -> SpillCounts {
        let (buckets, misplaced) = match self.chains.split_last() {
            Some((misplaced, buckets)) => (buckets, misplaced.records),
            None => (&[][..], 0),
        };
        SpillCounts {
            records: buckets.iter().map(|chain| chain.records).sum(),
            duplicates: self.duplicates,
            misplaced,
            bytes: buckets.iter().map(|chain| chain.bytes).sum(),
        }
    }

    /// The mark in a folder, if there is one that can be read and is of this plan.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn read(folder: &Path, plan: &SpillPlan) -> Result<Option<Mark>, SpillError> {
        let path = folder.join(MARK_FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpillError::disk(folder, &path, "read", error)),
        };
        Ok(Mark::parse(&text).filter(|mark| mark.is_of(plan)))
    }

    fn parse(text: &[u8]) -> Option<Mark> {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (checksum, json) = (text.get(..end)?, text.get(end + 1..)?);
        if checksum != checksum_of(json).as_bytes() {
            return None;
        }
        serde_json::from_slice(json).ok()
    }

    fn is_of(&self, plan: &SpillPlan) -> bool {
        self.seed == plan.seed()
            && self.topic_id == plan.topic_id.as_str()
            && self.chains.len() == plan.buckets as usize + 1
            && self.next >= plan.start.get()
    }

    /// Puts it in the place of the one before. Afterwards it is on the disk, or an error says that it may not be.
    pub(super) fn write(&self, folder: &Path) -> Result<(), SpillError> {
        let (new, path) = (folder.join(NEW_MARK_FILE), folder.join(MARK_FILE));
        let failed = |error: io::Error| SpillError::disk(folder, &new, "write", error);
        let json = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        let mut file = File::create(&new).map_err(failed)?;
        write!(file, "{}\n{json}", checksum_of(json.as_bytes())).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&new, &path).map_err(|error| SpillError::disk(folder, &path, "replace", error))?;
        sync_folder(folder)
    }
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), SpillError> {
    let synced = File::open(folder).and_then(|file| file.sync_all());
    synced.map_err(|error| SpillError::disk(folder, folder, "sync", error))
}

fn checksum_of(json: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(json))
}
