//! The second pass: the records of a bucket come back.
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::SpillError;
use super::block::{BlockHead, HEADER_BYTES, OldBlock};
use super::mark::Chain;
use super::spilled::Shared;
use crate::batch::{Batch, Place};
use crate::intake::{Gathered, Limits};
use crate::read::ReadOptions;
use crate::records::Records;
use crate::registry::Registry;
use crate::resolve::{RETRY, Resolved, Resolver};

/// The records of a bucket in log order, as a reader of the log would get them: each new, at its place in the log, and
/// an event or poison. Their batches have no spans, for they say nothing of how far the partition was read. The next
/// batch is read from the disk while the one before it is dealt with.
#[derive(Debug)]
pub struct BucketReading {
    limits: Limits,
    resolver: Resolver,
    /// At rest, before the first batch.
    blocks: Option<Box<Blocks>>,
    ahead: Option<JoinHandle<Ahead>>,
    resolving: Option<Gathered>,
}

/// What was read ahead, and what is read next.
type Ahead = (Box<Blocks>, Result<Option<Gathered>, SpillError>);

impl BucketReading {
    pub(super) fn new(blocks: Blocks, registry: &Registry, options: ReadOptions) -> BucketReading {
        let resolver = Resolver::new(registry, options.unknown_schema_patience);
        let (limits, blocks) = (options.limits(), Some(Box::new(blocks)));
        BucketReading { limits, resolver, blocks, ahead: None, resolving: None }
    }

    /// The next batch; nothing after the last, or after an error. Waits while the registry cannot be asked. May be
    /// dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<Result<Batch, SpillError>> {
        if self.resolving.is_none() {
            match self.read().await {
                Ok(gathered) => self.resolving = Some(gathered?),
                Err(error) => return Some(Err(error)),
            }
        }
        let gathered = self.resolving.as_ref()?;
        loop {
            match self.resolver.resolve(gathered).await {
                Resolved::All => break,
                Resolved::Waiting => {}
                Resolved::Unknown(_) => tokio::time::sleep(RETRY).await,
            }
        }
        let gathered = self.resolving.take()?;
        Some(Ok(self.resolver.finish(gathered, None)))
    }

    async fn read(&mut self) -> Result<Option<Gathered>, SpillError> {
        if let Some(blocks) = self.blocks.take() {
            self.read_ahead(blocks);
        }
        let Some(ahead) = self.ahead.as_mut() else { return Ok(None) };
        let joined = ahead.await;
        self.ahead = None;
        let (blocks, answer) = joined.map_err(|error| SpillError::Disk {
            path: "the thread that reads".into(),
            action: "wait for",
            source: io::Error::other(error),
        })?;
        let gathered = answer?;
        if gathered.is_some() {
            self.read_ahead(blocks);
        }
        Ok(gathered)
    }

    fn read_ahead(&mut self, mut blocks: Box<Blocks>) {
        let limits = self.limits;
        self.ahead = Some(tokio::task::spawn_blocking(move || {
            let answer = blocks.gather(limits);
            (blocks, answer)
        }));
    }
}

/// The blocks of one bucket, read one after the other.
#[derive(Debug)]
pub(super) struct Blocks {
    spilled: Arc<Shared>,
    bucket: u32,
    chain: Chain,
    /// Where those begin that were not read, the next one last; nothing while that was not looked for.
    places: Option<Vec<u64>>,
    block: OldBlock,
    /// Of the blocks that were read.
    records: u64,
    is_over: bool,
}

impl Blocks {
    pub(super) fn new(spilled: &Arc<Shared>, bucket: u32) -> Blocks {
        let chain = spilled.mark.chains.get(bucket as usize).copied().unwrap_or_default();
        let (spilled, block) = (Arc::clone(spilled), OldBlock::default());
        Blocks { spilled, bucket, chain, places: None, block, records: 0, is_over: false }
    }

    /// As many records as come next and fit, one at least; nothing after the last.
    pub(super) fn gather(&mut self, limits: Limits) -> Result<Option<Gathered>, SpillError> {
        let mut records = Records::default();
        let plan = &self.spilled.plan;
        let place = records.add_place(&plan.topic, plan.partition);
        while records.list.len() < limits.records && self.advance()? {
            if !records.list.is_empty() && records.bytes_len() + self.block.next_size() > limits.bytes {
                break;
            }
            if self.block.copy_next(&mut records, place).is_none() {
                return Err(self.damaged("a record is cut"));
            }
        }
        let is_something = !records.list.is_empty();
        Ok(is_something.then_some(Gathered { records, spans: Vec::new() }))
    }

    /// What `read` makes of the value of the next record; nothing after the last, or after an error.
    pub(super) fn next_alone<T>(
        &mut self,
        read: impl FnOnce(Place<'_>, &[u8]) -> Option<T>,
    ) -> Option<Result<T, SpillError>> {
        if self.is_over {
            return None;
        }
        let limits = Limits { records: 1, bytes: 0 };
        let answer = self.gather(limits).map(|gathered| {
            let Gathered { records, .. } = gathered?;
            let record = records.list.first()?;
            Some(read(records.place(record), records.value(record).unwrap_or_default()))
        });
        let answer = match answer {
            Ok(None) => None,
            Ok(Some(Some(found))) => Some(Ok(found)),
            Ok(Some(None)) => Some(Err(self.damaged("a misplaced record cannot be read"))),
            Err(error) => Some(Err(error)),
        };
        self.is_over = !matches!(answer, Some(Ok(_)));
        answer
    }

    /// Makes sure that a record is left in the block at hand. False after the last.
    fn advance(&mut self) -> Result<bool, SpillError> {
        while self.block.left() == 0 {
            if !self.block.bytes.is_empty() && !self.block.is_used_up() {
                return Err(self.damaged("a block holds more than its records"));
            }
            let places = match self.places.take() {
                Some(places) => self.places.insert(places),
                None => {
                    let places = self.find_places()?;
                    self.places.insert(places)
                }
            };
            let Some(place) = places.pop() else {
                return match self.records == self.chain.records {
                    true => Ok(false),
                    false => Err(self.damaged("records are missing")),
                };
            };
            self.read_block(place)?;
        }
        Ok(true)
    }

    /// Where the blocks of the bucket begin, the last one first.
    fn find_places(&self) -> Result<Vec<u64>, SpillError> {
        let mut places = Vec::with_capacity(self.chain.blocks as usize);
        let mut next = self.chain.last;
        while let Some(place) = next {
            let head = self.read_head(place)?;
            let expected = self.chain.blocks.checked_sub(places.len() as u32 + 1);
            if Some(head.number) != expected || head.previous.is_some_and(|previous| previous >= place) {
                return Err(self.damaged_block(place, "does not follow the one before it"));
            }
            places.push(place);
            next = head.previous;
        }
        match places.len() == self.chain.blocks as usize {
            true => Ok(places),
            false => Err(self.damaged("blocks are missing")),
        }
    }

    fn read_head(&self, place: u64) -> Result<BlockHead, SpillError> {
        let mut header = [0; HEADER_BYTES];
        self.read_at(&mut header, place)?;
        let head = BlockHead::read(&header);
        let end = place + HEADER_BYTES as u64 + u64::from(head.bytes);
        if head.bucket != self.bucket || end > self.spilled.mark.length {
            return Err(self.damaged_block(place, "is of another bucket, or too long"));
        }
        Ok(head)
    }

    fn read_block(&mut self, place: u64) -> Result<(), SpillError> {
        let head = self.read_head(place)?;
        let mut bytes = std::mem::take(&mut self.block.bytes);
        bytes.resize(HEADER_BYTES + head.bytes as usize, 0);
        self.read_at(&mut bytes, place)?;
        if !head.is_true(self.spilled.seed, place, &bytes) {
            return Err(self.damaged_block(place, "has another checksum"));
        }
        self.block.bytes = bytes;
        self.block.rewind(head.records);
        self.records += u64::from(head.records);
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], place: u64) -> Result<(), SpillError> {
        let Shared { folder, path, file, .. } = &*self.spilled;
        file.read_exact_at(bytes, place).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged_block(place, "is cut"),
            _ => SpillError::disk(folder, path, "read", error),
        })
    }

    fn damaged(&self, reason: &str) -> SpillError {
        SpillError::damaged(&self.spilled.path, format!("bucket {}: {reason}", self.bucket))
    }

    fn damaged_block(&self, place: u64, reason: &str) -> SpillError {
        self.damaged(&format!("the block at byte {place} {reason}"))
    }
}
