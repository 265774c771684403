//! Which partition a key belongs to: Kafka's Java default, `murmur2`, which every client of the platform must use.

use crate::position::{Partition, PartitionCount};

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const ROTATION: u32 = 24;

/// The 32-bit MurmurHash2 of the bytes with Kafka's seed. Java shows the same bits as a signed number.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    // Kafka lengths are 32-bit, so the low bits are the length
    #[allow(clippy::cast_possible_truncation, reason = "Kafka's own arithmetic is on 32 bits")]
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> ROTATION;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let rest = tail.iter().rev().fold(0, |rest, byte| (rest << 8) | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// The partition that a record with this key belongs to.
#[must_use]
pub fn partition_for(key: &[u8], count: PartitionCount) -> Partition {
    let positive = i32::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or_default();
    Partition::in_range(positive % count.get())
}
