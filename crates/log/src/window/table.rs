//! The memory of a window: identities by offset, and a hash table that finds them.
//!
//! ```text
//!   slots    identity of the record at offset o, at o mod capacity; the window slides over them in a ring
//!   places   open addressing, twice as many: slot of the *first* record of an event, and 15 bits of its hash
//!   chains   from the first record of an event to its repeats, made when there is one
//! ```
//!
//! The capacity is a power of two that doubles until it is the window's whole width. An offset is never stored: the
//! window knows which one of those that share a slot it can be.
use super::{Identity, WINDOW_OFFSETS};

const FULL: usize = WINDOW_OFFSETS as usize;
const SMALLEST: usize = 64;

/// What a full table takes, chains included: 16 bytes of identity, two places, two bits, and two links per offset.
pub(super) const MAX_BYTES: usize = FULL * (16 + 2 * 4 + 4) + 2 * FULL / 8 + size_of::<super::Window>();

#[derive(Debug, Clone)]
pub(super) struct Table {
    identities: Vec<Identity>,
    /// 0 where nothing stands.
    places: Vec<u32>,
    /// Slots that hold the first record of an event.
    firsts: Bits,
    /// Slots whose record has a repeat.
    repeated: Bits,
    /// None until there is a repeat.
    links: Vec<Links>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Links {
    /// Of a slot that is repeated: the next repeat.
    next: u16,
    /// Of the first slot of an event that is repeated: the last repeat.
    last: u16,
}

/// A place in the hash table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home(usize);

/// A place in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

pub(super) enum Found {
    /// And it would stand there.
    Nothing(Home),
    First(Slot),
}

impl Table {
    pub(super) fn new() -> Table {
        Table::with_capacity(0)
    }

    fn with_capacity(capacity: usize) -> Table {
        Table {
            identities: vec![Identity::NONE; capacity],
            places: vec![0; capacity * 2],
            firsts: Bits::new(capacity),
            repeated: Bits::new(capacity),
            links: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.identities.capacity() * size_of::<Identity>()
            + self.places.capacity() * size_of::<u32>()
            + self.links.capacity() * size_of::<Links>()
            + self.firsts.bytes()
            + self.repeated.bytes()
    }

    fn capacity(&self) -> usize {
        self.identities.len()
    }

    fn slot(&self, offset: i64) -> Slot {
        Slot(offset as usize & (self.capacity() - 1))
    }

    /// Makes sure that the offsets from `oldest` to `newest` have a slot each, but for one that a full window is about
    /// to forget.
    pub(super) fn make_room(&mut self, oldest: i64, newest: i64) {
        let wanted = usize::try_from(newest - oldest + 1).unwrap_or(FULL).min(FULL);
        if wanted <= self.capacity() {
            return;
        }
        let mut wider = Table::with_capacity(wanted.next_power_of_two().clamp(SMALLEST, FULL));
        for offset in oldest..newest.min(oldest + self.capacity() as i64) {
            self.copy_chain(offset, oldest, &mut wider);
        }
        *self = wider;
    }

    /// Copies the record at `offset`, if it is the first of its event, and its repeats.
    fn copy_chain(&self, offset: i64, oldest: i64, wider: &mut Table) {
        let mut slot = self.slot(offset);
        if !self.firsts.get(slot) {
            return;
        }
        let identity = self.identities[slot.0];
        let Found::Nothing(home) = wider.find(identity) else { return };
        let first = wider.insert(home, identity, offset);
        while self.repeated.get(slot) {
            slot = Slot(usize::from(self.links[slot.0].next));
            wider.repeat(first, self.offset_of(slot, oldest));
        }
    }

    /// The offset that stands in a slot: one from `oldest` on.
    pub(super) fn offset_of(&self, slot: Slot, oldest: i64) -> i64 {
        let ahead = slot.0.wrapping_sub(oldest as usize) & (self.capacity() - 1);
        oldest + ahead as i64
    }

    /// Whether an event stands first at this offset, which must be within the window.
    pub(super) fn is_first_at(&self, offset: i64, identity: Identity) -> bool {
        let slot = self.slot(offset);
        self.firsts.get(slot) && self.identities[slot.0] == identity
    }

    /// Where an event stands first.
    pub(super) fn find(&self, identity: Identity) -> Found {
        let mut home = self.home(identity);
        let mark = mark(identity);
        loop {
            let place = self.places[home];
            if place == 0 {
                return Found::Nothing(Home(home));
            }
            let slot = slot_in(place);
            if place >> 16 == mark && self.identities[slot.0] == identity {
                return Found::First(slot);
            }
            home = self.after(home);
        }
    }

    /// Remembers the first record of an event, where [`Table::find`] just said.
    pub(super) fn insert(&mut self, home: Home, identity: Identity, offset: i64) -> Slot {
        let slot = self.slot(offset);
        self.stand(home.0, identity, slot);
        slot
    }

    /// Remembers another record of the event that stands first in a slot.
    pub(super) fn repeat(&mut self, first: Slot, offset: i64) {
        if self.links.is_empty() {
            self.links = vec![Links::default(); self.capacity()];
        }
        let repeat = self.slot(offset);
        let last = if self.repeated.get(first) { Slot(self.links[first.0].last.into()) } else { first };
        self.links[last.0].next = repeat.0 as u16;
        self.repeated.set(last, true);
        self.links[first.0].last = repeat.0 as u16;
    }

    /// Forgets the offsets from `from` on and before `to`. Must be called for all offsets in their order, so that a
    /// repeat is the first of its event by the time that it is forgotten.
    pub(super) fn forget(&mut self, from: i64, to: i64) {
        let to = to.min(from.saturating_add(self.capacity() as i64)); // all slots, once
        for offset in from..to {
            let slot = self.slot(offset);
            if self.firsts.get(slot) {
                self.forget_first(slot);
            }
        }
    }

    fn forget_first(&mut self, slot: Slot) {
        let identity = self.identities[slot.0];
        self.firsts.set(slot, false);
        let place = self.place_of(slot, identity);
        if !self.repeated.get(slot) {
            return self.empty(place);
        }
        self.repeated.set(slot, false);
        let Links { next, last } = self.links[slot.0];
        let next = Slot(next.into());
        self.links[next.0].last = last;
        self.stand(place, identity, next);
    }

    fn stand(&mut self, place: usize, identity: Identity, slot: Slot) {
        self.places[place] = mark(identity) << 16 | slot.0 as u32;
        self.identities[slot.0] = identity;
        self.firsts.set(slot, true);
    }

    fn place_of(&self, slot: Slot, identity: Identity) -> usize {
        let wanted = mark(identity) << 16 | slot.0 as u32;
        let mut place = self.home(identity);
        while self.places[place] != wanted {
            place = self.after(place);
        }
        place
    }

    /// Closes the gap, so that nothing needs to be marked as having been there.
    fn empty(&mut self, place: usize) {
        let mask = self.places.len() - 1;
        let (mut hole, mut next) = (place, self.after(place));
        while self.places[next] != 0 {
            let home = self.home(self.identities[slot_in(self.places[next]).0]);
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = self.after(next);
        }
        self.places[hole] = 0;
    }

    fn home(&self, identity: Identity) -> usize {
        identity.low as usize & (self.places.len() - 1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }
}

fn slot_in(place: u32) -> Slot {
    Slot((place & 0xffff) as usize)
}

/// Never 0, so that a place that is taken is not either.
fn mark(identity: Identity) -> u32 {
    (identity.high & 0xffff) as u32 | 1
}

#[derive(Debug, Clone)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(count: usize) -> Bits {
        Bits(vec![0; count.div_ceil(64)])
    }

    fn get(&self, slot: Slot) -> bool {
        self.0[slot.0 / 64] >> (slot.0 % 64) & 1 == 1
    }

    fn set(&mut self, slot: Slot, value: bool) {
        let word = &mut self.0[slot.0 / 64];
        *word = *word & !(1 << (slot.0 % 64)) | u64::from(value) << (slot.0 % 64);
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}
