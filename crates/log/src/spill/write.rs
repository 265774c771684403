//! The first pass: records go to their buckets.
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use brainops_event::{Offset, Partition};
use brainops_fault::{Bug, planted};

use super::block::{HEADER_BYTES, NewBlock, RECORD_OVERHEAD, bucket_of};
use super::mark::{Mark, sync_folder};
use super::misplaced::Note;
use super::{RECORDS_FILE, SpillCounts, SpillError, SpillPlan, Spilled, records_path};
use crate::batch::{Batch, Content, Item, Span};
use crate::records::{Kept, RawRecord};
use crate::window::Verdict;

/// What all blocks that are being filled take together.
const BLOCKS_BYTES: usize = 8 * 1024 * 1024;
/// What one may take: small ones are slow to read, large ones gain nothing.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 4 * 1024..=256 * 1024;

/// A partition that is being set aside. Every call works on the disk and blocks meanwhile: call from a thread that may.
pub struct Spill {
    folder: PathBuf,
    path: PathBuf,
    plan: SpillPlan,
    seed: u32,
    /// Locked for as long as it is open.
    file: File,
    /// What the next mark will say.
    mark: Mark,
    /// Of the buckets, and of the misplaced after them.
    blocks: Vec<NewBlock>,
    block_bytes: usize,
    unmarked_bytes: u64,
    is_broken: bool,
}

impl Spill {
    /// Begins anew in a folder, which is made if it is not there; what an earlier spill left is emptied.
    ///
    /// # Errors
    /// The plan cannot be, somebody else is in the folder, or the disk fails.
    pub fn begin(folder: &Path, plan: SpillPlan) -> Result<Spill, SpillError> {
        plan.check()?;
        let path = records_path(folder);
        fs::create_dir_all(folder).map_err(|error| SpillError::disk(folder, folder, "make", error))?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| SpillError::disk(folder, &path, "open", error))?;
        lock(folder, &file)?;
        let mark = Mark::new(&plan);
        mark.write(folder)?; // before anything is lost that the old one stands for
        let spill = Spill::new(folder, plan, file, mark);
        spill.cut()?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        Ok(spill)
    }

    /// Goes on from the last mark, and says at which offset that is. None when there is no mark, or when plan, mark
    /// and file do not agree: then begin anew.
    ///
    /// # Errors
    /// The plan cannot be, somebody else is in the folder, or the disk fails.
    pub fn resume(folder: &Path, plan: &SpillPlan) -> Result<Option<(Spill, Offset)>, SpillError> {
        plan.check()?;
        let path = records_path(folder);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpillError::disk(folder, &path, "open", error)),
        };
        lock(folder, &file)?;
        let Some(mut mark) = Mark::read(folder, plan)? else { return Ok(None) };
        if planted(Bug::ResumedPastTheMark) {
            (mark.next, mark.last_record) = (mark.next + 10, None); // never, outside of a test
        }
        let Ok(next) = Offset::new(mark.next) else { return Ok(None) };
        mark.is_finished = false;
        let spill = Spill::new(folder, plan.clone(), file, mark);
        Ok(spill.cut()?.then_some((spill, next)))
    }

    fn new(folder: &Path, plan: SpillPlan, file: File, mark: Mark) -> Spill {
        let each = BLOCKS_BYTES / mark.chains.len();
        let block_bytes = each.clamp(*BLOCK_BYTES.start(), *BLOCK_BYTES.end());
        Spill {
            folder: folder.to_owned(),
            path: records_path(folder),
            seed: plan.seed(),
            file,
            blocks: mark.chains.iter().map(|_| NewBlock::new(block_bytes)).collect(),
            mark,
            block_bytes,
            unmarked_bytes: 0,
            is_broken: false,
            plan,
        }
    }

    /// Cuts off what lies behind the mark. False when the file is shorter than the mark says.
    fn cut(&self) -> Result<bool, SpillError> {
        let length = self.file.metadata().map_err(|error| self.failed("look at", error))?.len();
        if length > self.mark.length {
            self.file.set_len(self.mark.length).map_err(|error| self.failed("cut", error))?;
        }
        Ok(length >= self.mark.length)
    }

    /// Sets aside what a batch holds of this partition; what it holds of others is passed over. Batches come in log
    /// order without gap: the first at the plan's start, or where resuming said.
    ///
    /// # Errors
    /// The batch does not go on where the last one ended, is of another log, or the disk fails.
    pub fn take(&mut self, batch: &Batch) -> Result<(), SpillError> {
        self.unless_broken(|spill| spill.take_all(batch))
    }

    /// Makes durable what was taken so far. What it costs stands at the head of this module.
    ///
    /// # Errors
    /// The disk fails; the last mark holds then.
    pub fn mark(&mut self) -> Result<(), SpillError> {
        self.unless_broken(Spill::write_mark)
    }

    /// Ends the spill at the offset up to which the partition was read, and makes all durable.
    ///
    /// # Errors
    /// The end lies before what was taken, or the disk fails; the last mark holds then.
    pub fn finish(mut self, end: Offset) -> Result<Spilled, SpillError> {
        self.unless_broken(|spill| {
            if end < spill.next() {
                return Err(spill.not_next(end));
            }
            spill.mark.next = end.get();
            spill.mark.is_finished = true;
            spill.write_mark()
        })?;
        let Spill { folder, plan, file, mark, .. } = self;
        Spilled::new(&folder, plan, file, mark)
    }

    /// The next offset to be taken.
    pub fn next(&self) -> Offset {
        Offset::new(self.mark.next).unwrap_or(self.plan.start)
    }

    /// What was set aside so far, marked or not.
    pub fn counts(&self) -> SpillCounts {
        self.mark.counts()
    }

    /// Bytes of keys, values and headers that were taken since the last mark.
    pub fn unmarked_bytes(&self) -> u64 {
        self.unmarked_bytes
    }

    #[cfg(test)]
    pub(super) fn buffered_bytes(&self) -> usize {
        self.blocks.iter().map(NewBlock::capacity).sum()
    }

    fn unless_broken<T>(
        &mut self,
        act: impl FnOnce(&mut Spill) -> Result<T, SpillError>,
    ) -> Result<T, SpillError> {
        if self.is_broken {
            return Err(SpillError::Broken { folder: self.folder.clone() });
        }
        let done = act(self);
        self.is_broken = done.is_err();
        done
    }

    fn take_all(&mut self, batch: &Batch) -> Result<(), SpillError> {
        let SpillPlan { topic, partition, .. } = &self.plan;
        let is_ours = |span: &&Span| span.partition == *partition && span.topic == *topic;
        let Some(span) = batch.spans.iter().find(is_ours) else { return Ok(()) };
        let Some(place) = batch.records.place_index(topic, *partition) else { return Ok(()) };
        self.check(span)?;
        for (index, (record, content)) in batch.records.list.iter().zip(&batch.contents).enumerate() {
            if record.place != place {
                continue;
            }
            match record.verdict {
                Verdict::New => self.put(batch.records.kept(record))?,
                Verdict::Duplicate { .. } => self.mark.duplicates += 1,
                Verdict::Misplaced(_) => self.put_misplaced(batch, index, record, content)?,
            }
        }
        self.mark.advance(span.through, (span.last_digest, span.last_recorded_at));
        Ok(())
    }

    /// Whether a span goes on in the same log, where the last one ended.
    fn check(&self, span: &Span) -> Result<(), SpillError> {
        let other_log = |reason| {
            let (topic, expected) = (self.plan.topic.clone(), self.plan.topic_id.clone());
            SpillError::OtherLog { topic, expected, found: span.topic_id.clone(), reason }
        };
        if span.topic_id != self.plan.topic_id {
            return Err(other_log("the topic was made again"));
        }
        if span.from != self.next() {
            return Err(self.not_next(span.from));
        }
        match (self.mark.last_record(), span.previous_digest) {
            (Some((expected, _)), Some(found)) if expected != found => {
                Err(other_log("the last record that was set aside is another there"))
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, record: Kept<'_>) -> Result<(), SpillError> {
        let bucket = bucket_of(record.key_bytes(), self.plan.buckets);
        self.put_into(bucket, record)
    }

    fn put_misplaced(
        &mut self,
        batch: &Batch,
        index: usize,
        record: &RawRecord,
        content: &Content,
    ) -> Result<(), SpillError> {
        let Item::Misplaced { key, envelope, reason, .. } = batch.item(index, record, content) else {
            return Ok(()); // its verdict says that it is
        };
        let note = serde_json::to_vec(&Note::new(key, envelope.as_ref(), reason));
        let note = note.map_err(|error| self.failed("write", error.into()))?;
        let value = Some(note.len() as u32);
        let kept = Kept { key: None, value, headers: 0, bytes: &note, ..batch.records.kept(record) };
        self.put_into(self.plan.buckets, kept)
    }

    fn put_into(&mut self, bucket: u32, record: Kept<'_>) -> Result<(), SpillError> {
        let size = record.bytes.len();
        let block = &self.blocks[bucket as usize];
        if !block.is_empty() && block.len() + size + RECORD_OVERHEAD > self.block_bytes {
            self.flush(bucket)?;
        }
        self.blocks[bucket as usize].put(record);
        let chain = &mut self.mark.chains[bucket as usize];
        chain.records += 1;
        chain.bytes += size as u64;
        self.unmarked_bytes += size as u64;
        if self.blocks[bucket as usize].len() >= self.block_bytes {
            self.flush(bucket)?; // a large record does not stay
        }
        Ok(())
    }

    /// Writes the block of a bucket, if there is something in it.
    fn flush(&mut self, bucket: u32) -> Result<(), SpillError> {
        let (block, chain) = (&mut self.blocks[bucket as usize], &mut self.mark.chains[bucket as usize]);
        if block.is_empty() {
            return Ok(());
        }
        let place = self.mark.length;
        let bytes = block.seal(self.seed, place, bucket, chain.blocks, chain.last);
        self.file
            .write_all_at(bytes, place)
            .map_err(|error| SpillError::disk(&self.folder, &self.path, "write", error))?;
        debug_assert!(bytes.len() > HEADER_BYTES, "a block holds a record");
        self.mark.length += bytes.len() as u64;
        (chain.last, chain.blocks) = (Some(place), chain.blocks + 1);
        block.clear();
        Ok(())
    }

    fn write_mark(&mut self) -> Result<(), SpillError> {
        for bucket in 0..=self.plan.buckets {
            self.flush(bucket)?;
        }
        self.file.sync_data().map_err(|error| self.failed("sync", error))?;
        self.mark.write(&self.folder)?;
        self.unmarked_bytes = 0;
        Ok(())
    }

    fn not_next(&self, found: Offset) -> SpillError {
        let (topic, partition): (_, Partition) = (self.plan.topic.clone(), self.plan.partition);
        SpillError::NotNext { topic, partition, wanted: self.next(), found }
    }

    fn failed(&self, action: &'static str, error: io::Error) -> SpillError {
        SpillError::disk(&self.folder, &self.path, action, error)
    }
}

impl fmt::Debug for Spill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Spill")
            .field("folder", &self.folder)
            .field("plan", &self.plan)
            .field("next", &self.mark.next)
            .finish_non_exhaustive()
    }
}

/// Keeps others out, of this process too, until the file is closed.
fn lock(folder: &Path, file: &File) -> Result<(), SpillError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(SpillError::Busy { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => {
            Err(SpillError::disk(folder, &folder.join(RECORDS_FILE), "lock", error))
        }
    }
}
