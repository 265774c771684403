//! What a model of the checkpoint protocol is at one moment: what Postgres has committed, its open transactions, what
//! the instances believe, and what may still go wrong. Positions are numbers of records, not offsets.

/// How much may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Left {
    /// Instances killed; they come back and know nothing.
    pub(super) crashes: u8,
    /// Partitions given to the other instance while their owner lives, which does not hear of it.
    pub(super) takeovers: u8,
    /// Connections lost, with a statement or a COMMIT under way.
    pub(super) cuts: u8,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) stored: Stored,
    /// Transactions that have locked what they move.
    pub(super) open: Vec<Transaction>,
    pub(super) instances: [Instance; 2],
    pub(super) left: Left,
    /// An instance met what its own code calls impossible.
    pub(super) refused: Option<&'static str>,
}

/// What is committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) checkpoints: Vec<Row>,
    pub(super) subjects: Vec<Subject>,
}

/// The checkpoint of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Row {
    pub(super) epoch: u8,
    pub(super) next: u8,
}

/// All that is stored of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Subject {
    /// The events that were folded into its rows, in their order.
    pub(super) rows: Vec<u8>,
    /// The first record that could not be folded.
    pub(super) parked: Option<u8>,
    /// The records that a person dismissed, one bit each.
    pub(super) dismissed: u16,
    /// Whether a person has decided to dismiss the parked record.
    pub(super) asked: bool,
}

/// One process with a projector.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Instance {
    /// What it believes of each partition that it follows.
    pub(super) seats: Vec<Option<Seat>>,
    pub(super) doing: Doing,
}

/// A partition as an instance knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) epoch: u8,
    /// The first record that is not applied.
    pub(super) next: u8,
    /// Where reading began.
    pub(super) began: u8,
    /// The first record that was not delivered.
    pub(super) read: u8,
    /// It has found that it belongs to somebody else.
    pub(super) is_lost: bool,
}

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) enum Doing {
    /// Between batches.
    #[default]
    Nothing,
    /// It has a batch, and no transaction.
    Has(Vec<Piece>),
    /// Its transaction is open.
    Writing(Attempt),
    /// COMMIT has given no answer.
    Settling(Attempt),
}

/// Records of one partition in a batch, from one number up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    pub(super) partition: u8,
    pub(super) from: u8,
    pub(super) through: u8,
    /// Where the reading that brought it began.
    pub(super) began: u8,
}

/// One attempt to apply a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub(super) batch: Vec<Piece>,
    /// What it wanted to move.
    pub(super) planned: Vec<Claimed>,
    /// The partitions that its first statement moved.
    pub(super) moved: Vec<u8>,
}

/// An interval of a partition, claimed under an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Claimed {
    pub(super) partition: u8,
    pub(super) epoch: u8,
    pub(super) from: u8,
    pub(super) through: u8,
}

/// A transaction as Postgres knows it: it may outlive whoever began it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Transaction {
    /// Who waits for it; nobody if the connection is gone.
    pub(super) owner: Option<u8>,
    /// What it has moved and holds the locks of.
    pub(super) claims: Vec<Claimed>,
    /// What it has written, once COMMIT is on its way.
    pub(super) writes: Option<Vec<(u8, Subject)>>,
}

impl State {
    /// Whether a transaction holds the lock of a partition's checkpoint.
    pub(super) fn is_locked(&self, partition: u8) -> bool {
        let holds = |one: &Transaction| one.claims.iter().any(|claim| claim.partition == partition);
        self.open.iter().any(holds)
    }

    /// The transaction that an instance waits for.
    pub(super) fn transaction_of(&self, instance: usize) -> Option<usize> {
        self.open.iter().position(|one| one.owner.map(usize::from) == Some(instance))
    }

    /// Where each checkpoint stands.
    pub(super) fn next(&self) -> Vec<u8> {
        self.stored.checkpoints.iter().map(|row| row.next).collect()
    }

    pub(super) fn seat_mut(&mut self, instance: usize, partition: u8) -> &mut Option<Seat> {
        &mut self.instances[instance].seats[usize::from(partition)]
    }
}
