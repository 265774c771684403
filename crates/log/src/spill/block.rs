//! How records lie on the disk: blocks of records of one bucket.
//!
//! ```text
//!   header (32 bytes, little endian)
//!     bucket u32 | which block of it u32 | records u32 | bytes u32 | where the block before it begins u64
//!     | 0 u32 | checksum u32: CRC-32 of the plan, the block's place, the 28 bytes before, and what follows
//!   records, each
//!     offset, less that before | recorded ms, less that before | lengths of key, value (plus 1, 0 is null), headers
//!     | key | value | headers, as they lie in memory
//! ```
//! Numbers of a record are LEB128; differences zigzag.
use std::hash::Hasher;

use brainops_event::Offset;
use siphasher::sip::SipHasher13;

use crate::records::{Kept, Records};

pub(super) const HEADER_BYTES: usize = 32;
/// The most that a record takes beside its key, value and headers.
pub(super) const RECORD_OVERHEAD: usize = 5 * 10;
/// Stands where there is no block before.
const NONE: u64 = u64::MAX;

/// The bucket of a key: SipHash-1-3 under the key `brainops-buckets`, modulo their number. Fixed for ever, so that all
/// instances agree; and no relative of the murmur2 that chose the partition, or buckets would be filled unevenly.
#[must_use]
pub fn bucket_of(key: &[u8], buckets: u32) -> u32 {
    let mut hasher = SipHasher13::new_with_key(b"brainops-buckets");
    hasher.write(key);
    (hasher.finish() % u64::from(buckets.max(1))) as u32
}

/// Where a block belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHead {
    pub(super) bucket: u32,
    /// How many blocks of the bucket lie before it.
    pub(super) number: u32,
    pub(super) records: u32,
    pub(super) bytes: u32,
    /// Where the one before it begins.
    pub(super) previous: Option<u64>,
    checksum: u32,
}

impl BlockHead {
    pub(super) fn read(header: &[u8; HEADER_BYTES]) -> BlockHead {
        let word =
            |at: usize| header[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        let previous = u64::from(word(20)) << 32 | u64::from(word(16));
        BlockHead {
            bucket: word(0),
            number: word(4),
            records: word(8),
            bytes: word(12),
            previous: (previous != NONE).then_some(previous),
            checksum: word(28),
        }
    }

    /// Whether `block` is what was written at `place`.
    pub(super) fn is_true(&self, seed: u32, place: u64, block: &[u8]) -> bool {
        checksum(seed, place, block) == self.checksum
    }
}

fn checksum(seed: u32, place: u64, block: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(&place.to_le_bytes());
    hasher.update(&block[..HEADER_BYTES - 4]);
    hasher.update(&block[HEADER_BYTES..]);
    hasher.finalize()
}

/// The record before, from which differences are told.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    offset: i64,
    recorded_at_ms: i64,
}

/// A block that is being filled.
#[derive(Debug)]
pub(super) struct NewBlock {
    /// What it takes in memory once there is something in it, unless a record is larger alone.
    room: usize,
    bytes: Vec<u8>,
    records: u32,
    before: Before,
}

impl NewBlock {
    pub(super) fn new(room: usize) -> NewBlock {
        NewBlock { room, bytes: Vec::new(), records: 0, before: Before::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many bytes it takes on the disk.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn put(&mut self, record: Kept<'_>) {
        if self.is_empty() {
            self.bytes.reserve_exact(self.room);
            self.bytes.resize(HEADER_BYTES, 0);
        }
        let offset = record.offset.get();
        put_difference(&mut self.bytes, offset, self.before.offset);
        put_difference(&mut self.bytes, record.recorded_at_ms, self.before.recorded_at_ms);
        for length in [record.key, record.value] {
            put_number(&mut self.bytes, length.map_or(0, |length| u64::from(length) + 1));
        }
        put_number(&mut self.bytes, u64::from(record.headers));
        self.bytes.extend_from_slice(record.bytes);
        self.before = Before { offset, recorded_at_ms: record.recorded_at_ms };
        self.records += 1;
    }

    /// The block as it is written at `place`.
    pub(super) fn seal(
        &mut self,
        seed: u32,
        place: u64,
        bucket: u32,
        number: u32,
        previous: Option<u64>,
    ) -> &[u8] {
        let bytes = (self.bytes.len() - HEADER_BYTES) as u32;
        for (index, word) in [bucket, number, self.records, bytes].into_iter().enumerate() {
            self.bytes[index * 4..][..4].copy_from_slice(&word.to_le_bytes());
        }
        self.bytes[16..24].copy_from_slice(&previous.unwrap_or(NONE).to_le_bytes());
        let checksum = checksum(seed, place, &self.bytes);
        self.bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        &self.bytes
    }

    /// Begins the next block, and gives back what a large record took.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(self.room);
        (self.records, self.before) = (0, Before::default());
    }
}

/// A block that is read, record by record.
#[derive(Debug, Default)]
pub(super) struct OldBlock {
    /// With its header.
    pub(super) bytes: Vec<u8>,
    at: usize,
    left: u32,
    before: Before,
}

impl OldBlock {
    /// Begins with the first record of what is in `bytes`.
    pub(super) fn rewind(&mut self, records: u32) {
        (self.at, self.left, self.before) = (HEADER_BYTES, records, Before::default());
    }

    /// How many records are left.
    pub(super) fn left(&self) -> u32 {
        self.left
    }

    /// The next record, if there is one and it is whole.
    pub(super) fn next(&mut self) -> Option<Kept<'_>> {
        self.left = self.left.checked_sub(1)?;
        let mut rest = self.bytes.get(self.at..)?;
        let before = self.before;
        let offset = take_difference(&mut rest, before.offset)?;
        let recorded_at_ms = take_difference(&mut rest, before.recorded_at_ms)?;
        let [key, value] = [take_number(&mut rest)?, take_number(&mut rest)?]
            .map(|length| length.checked_sub(1).and_then(|length| u32::try_from(length).ok()));
        let headers = u32::try_from(take_number(&mut rest)?).ok()?;
        let length = [key.unwrap_or(0), value.unwrap_or(0), headers].iter().map(|part| *part as usize).sum();
        let from = self.bytes.len() - rest.len();
        let bytes = self.bytes.get(from..from.checked_add(length)?)?;
        self.at = from + length;
        self.before = Before { offset, recorded_at_ms };
        Some(Kept { offset: Offset::new(offset).ok()?, recorded_at_ms, key, value, headers, bytes })
    }

    /// Whether what was read as records was all that is there.
    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0 && self.at == self.bytes.len()
    }

    /// Copies the next record, if it is whole.
    pub(super) fn copy_next(
        &mut self,
        records: &mut Records,
        place: crate::records::PlaceIndex,
    ) -> Option<()> {
        let record = self.next()?;
        records.push_kept(record, place);
        Some(())
    }

    /// How many bytes the key, value and headers of the next record take, at most.
    pub(super) fn next_size(&self) -> usize {
        let mut copy = self.bytes.get(self.at..).unwrap_or_default();
        let mut number = || take_number(&mut copy).unwrap_or(0) as usize;
        let (_, _) = (number(), number());
        number() + number() + number()
    }
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_difference(bytes: &mut Vec<u8>, number: i64, before: i64) {
    let difference = number.wrapping_sub(before);
    put_number(bytes, (difference << 1 ^ difference >> 63) as u64);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_difference(bytes: &mut &[u8], before: i64) -> Option<i64> {
    let zigzag = take_number(bytes)?;
    let difference = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    Some(before.wrapping_add(difference))
}
