//! What a model of the relay protocol is at one moment: the log, what Postgres has committed, the relays, what dead
//! producers have left on the wire, and what callers were told. Rows go by their number, which is their outbox id.

/// How much may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Left {
    /// Leases taken while their holder lives, which does not hear of it.
    pub(super) takeovers: u8,
    /// Relays killed, or ended by a failed delivery or a commit without an answer (which is a commit, and an end right
    /// after it). What was on the wire may still arrive, or never.
    pub(super) ends: u8,
    /// Events that somebody else appends as well, past the outbox.
    pub(super) elsewhere: u8,
    /// Postgres set back to a backup, with all relays stopped and nothing of theirs on the wire.
    pub(super) restores: u8,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The rows whose events stand in each partition, in log order.
    pub(super) log: Vec<Vec<u8>>,
    pub(super) stored: Stored,
    pub(super) backup: Option<Box<Stored>>,
    pub(super) relays: [Option<Session>; 2],
    /// What dead producers had sent and the broker has not taken yet.
    pub(super) on_the_wire: Vec<Vec<u8>>,
    /// The position that each caller was told.
    pub(super) told: Vec<Option<u8>>,
    /// Rows that somebody else has appended as well, one bit each.
    pub(super) elsewhere: u16,
    pub(super) left: Left,
}

/// What is committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) rows: Vec<Row>,
    /// Epoch of the lease.
    pub(super) epoch: u8,
    /// By partition: the last send number given.
    pub(super) last_no: Vec<u8>,
    /// By partition: everything before it was read, or sent and confirmed.
    pub(super) read_through: Vec<u8>,
}

/// One event in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Row {
    pub(super) is_there: bool,
    /// From 1, by partition.
    pub(super) send_no: Option<u8>,
    /// Where it stands in its partition.
    pub(super) position: Option<u8>,
}

/// A relay that believes to hold the lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Session {
    pub(super) epoch: u8,
    pub(super) stage: Stage,
    /// Rows that it has sent, or is about to, and the broker has not taken.
    pub(super) sent: Vec<u8>,
    /// Rows that a writer of its process has numbered, and it has not taken yet.
    pub(super) handed: Vec<u8>,
    /// Rows that the broker has taken, with their position; the answer is on its way, or there.
    pub(super) landed: Vec<(u8, u8)>,
    /// Rows that an earlier session may have sent as well, one bit each, until they are confirmed.
    pub(super) inherited: u16,
}

/// How far a session is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It has the lease.
    Leased,
    /// It has read the tails: the first position of each row found there, and where the tails ended.
    Read { found: Vec<Option<u8>>, ends: Vec<u8> },
    /// It sends.
    Open,
}

impl State {
    /// The session of a relay, which the caller has seen.
    pub(super) fn session(&mut self, relay: usize) -> &mut Session {
        self.relays[relay].as_mut().expect("a step of a relay is one of its session")
    }

    /// Relays are interchangeable, so a state and its mirror image are one.
    pub(super) fn in_order(mut self) -> State {
        if self.relays[0].as_ref().map(|one| one.epoch) < self.relays[1].as_ref().map(|one| one.epoch) {
            self.relays.swap(0, 1);
        }
        self
    }

    /// Ends a session; what it had sent may still arrive.
    pub(super) fn end(&mut self, relay: usize) {
        let ended = self.relays[relay].take();
        self.on_the_wire.extend(ended.map(|session| session.sent).filter(|sent| !sent.is_empty()));
        self.on_the_wire.sort();
    }
}
