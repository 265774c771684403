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
//!
//! A window grows with the offsets that it has seen, up to [`WINDOW_BYTES`]; a quiet partition takes a few KiB.
mod table;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use brainops_event::Offset;
use brainops_fault::Bug;
use siphasher::sip128::{Hasher128, SipHasher13};

use table::{Found, Table};

/// How many offsets back a repeat is found.
pub const WINDOW_OFFSETS: u64 = 65_536;

/// The most memory that one window takes, in bytes: 1.5 MiB, and a quarter more once it has seen a repeat.
pub const WINDOW_BYTES: usize = table::MAX_BYTES;

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
    /// Stands where nothing was remembered yet.
    const NONE: Identity = Identity { high: 0, low: 0 };

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
#[derive(Debug, Clone)]
pub struct Window {
    table: Table,
    /// The earliest offset that may still be remembered.
    oldest: i64,
    /// The next offset that may be shown; nothing was shown yet while it is negative.
    next: i64,
    /// How many offsets back a repeat is found.
    reach: i64,
}

impl Default for Window {
    fn default() -> Window {
        Window::new()
    }
}

impl Window {
    /// A window that has seen nothing: right for offset zero, or to be shown the 65,536 offsets before another.
    pub fn new() -> Window {
        let short = i64::from(brainops_fault::planted(Bug::WindowOffByOne)); // never, outside of a test
        Window { table: Table::new(), oldest: 0, next: -1, reach: WINDOW_OFFSETS as i64 - short }
    }

    /// Judges the record at `offset`, and remembers it. Records are shown in log order, each once; offsets may have
    /// gaps. A record without identity cannot repeat anything. A repeat is a duplicate wherever it lies.
    pub fn judge(
        &mut self,
        offset: Offset,
        identity: Option<Identity>,
        placed: Result<(), Misplacement>,
    ) -> Verdict {
        if let Some(first) = self.remember(offset, identity) {
            return Verdict::Duplicate { first };
        }
        match placed {
            Ok(()) => Verdict::New,
            Err(reason) => Verdict::Misplaced(reason),
        }
    }

    /// As [`Window::judge`], for a record of which only the memory is wanted. Answers with the earliest record of the
    /// same event that is still held.
    pub(crate) fn remember(&mut self, offset: Offset, identity: Option<Identity>) -> Option<Offset> {
        let offset = offset.get();
        debug_assert!(offset >= self.next, "shown out of order");
        if self.next < 0 {
            self.oldest = offset;
        }
        self.next = offset.saturating_add(1);
        self.forget_before(offset - self.reach);
        let identity = identity?;
        self.table.make_room(self.oldest, offset);
        // the record that is as far back as can be counts this last time, and leaves its slot to this one
        let edge = offset - WINDOW_OFFSETS as i64;
        let at_edge = self.oldest == edge && self.table.is_first_at(edge, identity);
        self.forget_before(edge + 1);
        let found = match self.table.find(identity) {
            Found::Nothing(home) => {
                self.table.insert(home, identity, offset);
                None
            }
            Found::First(slot) => {
                self.table.repeat(slot, offset);
                Some(self.table.offset_of(slot, self.oldest))
            }
        };
        Offset::new(if at_edge { edge } else { found? }).ok()
    }

    /// How many bytes it takes now.
    pub fn bytes(&self) -> usize {
        size_of::<Window>() + self.table.bytes()
    }

    fn forget_before(&mut self, offset: i64) {
        if self.oldest < offset {
            self.table.forget(self.oldest, offset);
            self.oldest = offset;
        }
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
