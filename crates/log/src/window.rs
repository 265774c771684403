//! Said twice, counted once: which records of a partition repeat an event that already stands before them.
//!
//! A record is a duplicate when its (source, id) stands in the same partition within the 65,536 offsets before it,
//! whether that earlier record was itself dropped or not. So the answer is a pure function of the log: whoever
//! starts at offset S and first shows this window the records from S - 65,536 on gets the answers of one who
//! started at zero. Nothing is stored anywhere; the window is a value, one per partition.
//!
//! ```text
//!   offsets   ... 64,463 | 64,464 ........ 129,999 | 130,000
//!                 forgotten        remembered         judged
//! ```
//!
//! (source, id) is remembered as a 128-bit SipHash under a key drawn once per process, so nobody outside can make
//! two events collide; that two do by chance is less likely than a flipped bit in memory.
//! A full window takes about 5 MiB.
use std::collections::{HashMap, VecDeque, hash_map::Entry};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::OnceLock;

use brainops_event::Offset;
use siphasher::sip128::{Hasher128, SipHasher13};

/// How many offsets back a repeat is found.
pub const WINDOW_OFFSETS: u64 = 65_536;

/// What a record is, in log order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first of its event within the window.
    New,
    /// A repeat: not counted again.
    Duplicate {
        /// The earliest record of the same event that the window still holds.
        first: Offset,
    },
    /// It lies where its subject does not belong: parked alone, and an alarm.
    Misplaced(Misplacement),
}

/// How a record is misplaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplacement {
    /// It has no key.
    #[error("the record has no key")]
    NullKey,
    /// Its envelope names no subject that the key could be.
    #[error("the envelope names no subject")]
    NoSubject,
    /// Its key is another than its subject.
    #[error("the key is not the subject")]
    KeyIsNotSubject,
    /// Its partition is not murmur2 of its key.
    #[error("the key belongs to partition {expected}")]
    WrongPartition {
        /// Where the key belongs.
        expected: brainops_event::Partition,
    },
}

/// (source, id), shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    high: u64,
    low: u64,
}

impl Identity {
    /// Shortens a source and an id, which are the same event's only when both are equal byte for byte.
    pub fn of(source: &[u8], id: &[u8]) -> Identity {
        let (one, two) = process_key();
        let mut hasher = SipHasher13::new_with_keys(one, two);
        hasher.write_u64(source.len() as u64); // so that moving a letter from source to id is another event
        hasher.write(source);
        hasher.write(id);
        let hash = hasher.finish128();
        Identity { high: hash.h1, low: hash.h2 }
    }
}

fn process_key() -> (u64, u64) {
    static KEY: OnceLock<(u64, u64)> = OnceLock::new();
    *KEY.get_or_init(|| (RandomState::new().hash_one(0u8), RandomState::new().hash_one(1u8)))
}

/// The (source, id)s of the last 65,536 offsets of one partition.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// In log order. Entry `n` has the ticket `oldest + n`.
    entries: VecDeque<Remembered>,
    oldest: Ticket,
    standing: HashMap<Identity, Standing, BuildHasherDefault<TakeHash>>,
}

/// Numbers entries; wraps around, which is harmless as there are never more than 65,536.
type Ticket = u32;

#[derive(Debug, Clone)]
struct Remembered {
    offset: Offset,
    identity: Identity,
    repeated_by: Option<Ticket>,
}

#[derive(Debug, Clone)]
struct Standing {
    first: Ticket,
    last: Ticket,
}

impl Window {
    /// A window that has seen nothing: right for offset zero, or to be shown the 65,536 offsets before another.
    pub fn new() -> Window {
        Window::default()
    }

    /// Judges the record at `offset`, and remembers it. Records are shown in log order, each once; offsets may have
    /// gaps. A record without identity cannot repeat anything. A repeat is a duplicate wherever it lies.
    pub fn judge(
        &mut self,
        offset: Offset,
        identity: Option<Identity>,
        placed: Result<(), Misplacement>,
    ) -> Verdict {
        debug_assert!(self.entries.back().is_none_or(|last| last.offset < offset), "shown out of order");
        self.forget_before(offset);
        if let Some(first) = identity.and_then(|identity| self.remember(offset, identity)) {
            return Verdict::Duplicate { first };
        }
        match placed {
            Ok(()) => Verdict::New,
            Err(reason) => Verdict::Misplaced(reason),
        }
    }

    /// Adds an entry; answers with the earliest that stands for the same event, if there is one.
    fn remember(&mut self, offset: Offset, identity: Identity) -> Option<Offset> {
        let ticket = self.oldest.wrapping_add(self.entries.len() as Ticket);
        let first = match self.standing.entry(identity) {
            Entry::Vacant(vacant) => {
                vacant.insert(Standing { first: ticket, last: ticket });
                None
            }
            Entry::Occupied(mut occupied) => {
                let standing = occupied.get_mut();
                let index = |ticket: Ticket| ticket.wrapping_sub(self.oldest) as usize;
                self.entries[index(standing.last)].repeated_by = Some(ticket);
                standing.last = ticket;
                Some(self.entries[index(standing.first)].offset)
            }
        };
        self.entries.push_back(Remembered { offset, identity, repeated_by: None });
        first
    }

    fn forget_before(&mut self, offset: Offset) {
        let past = |entry: &Remembered| offset.get() - entry.offset.get() > WINDOW_OFFSETS as i64;
        while let Some(entry) = self.entries.pop_front_if(|entry| past(entry)) {
            self.oldest = self.oldest.wrapping_add(1);
            match entry.repeated_by {
                None => drop(self.standing.remove(&entry.identity)),
                Some(next) => {
                    if let Some(standing) = self.standing.get_mut(&entry.identity) {
                        standing.first = next;
                    }
                }
            }
        }
    }
}

/// An identity is a keyed hash already: half of it serves as the map's hash.
#[derive(Debug, Clone, Default)]
struct TakeHash(u64);

impl Hasher for TakeHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, half: u64) {
        self.0 ^= half;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
