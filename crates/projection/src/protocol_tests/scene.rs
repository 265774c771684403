//! What one model is about: a log, what may go wrong, and what the rows must be. The latter is written without any
//! code of the projection: it is what the model is compared with.

use brainops_event::{Offset, Partition, TopicId, TopicName};
use brainops_log::{Identity, Verdict, WINDOW_OFFSETS, Window};

use super::state::{Left, Subject};
use crate::checkpoint::Place;

/// A mistake that somebody could make in earnest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// Checkpoints are moved whatever they say.
    FenceRemoved,
    /// Checkpoints are compared by their offset alone, not by their epoch.
    EpochIgnored,
    /// Checkpoints are committed before the rows.
    CheckpointBeforeRows,
    /// Rows are written also of partitions that did not move.
    LostPartitionWritten,
    /// A commit without an answer is taken for one that failed, and the batch folded again without a look.
    UnknownTakenForLost,
    /// The window of repeats is refilled from one offset too late.
    WindowOffByOne,
    /// An event is folded although its subject is parked.
    SuccessorLetThrough,
    /// A former owner carries out what a person decided, up to where it believes the checkpoint to be.
    ReleasedByFormerOwner,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) offset: i64,
    /// Its (source, id).
    pub(super) event: u8,
    pub(super) subject: u8,
    /// Whether it cannot be folded.
    pub(super) is_poison: bool,
}

/// A record of subject `subject` that says `event`.
pub(super) fn record(offset: i64, subject: u8, event: u8) -> Record {
    Record { offset, event, subject, is_poison: false }
}

/// A record that cannot be folded.
pub(super) fn poison(offset: i64, subject: u8, event: u8) -> Record {
    Record { is_poison: true, ..record(offset, subject, event) }
}

/// One case.
pub(super) struct Scene {
    /// The log, by partition.
    pub(super) log: Vec<Vec<Record>>,
    /// How many subjects there are; each has its records in one partition.
    pub(super) subjects: usize,
    /// How many records of one partition a batch may bring.
    pub(super) batch: u8,
    /// How much may go wrong.
    pub(super) may: Left,
    pub(super) mistake: Option<Mistake>,
    pub(super) places: Vec<Place>,
    pub(super) topic_id: TopicId,
    /// Whether a record counts: by partition, by where reading began, by record.
    is_new: Vec<Vec<Vec<bool>>>,
}

impl Scene {
    pub(super) fn new(log: Vec<Vec<Record>>, may: Left, mistake: Option<Mistake>) -> Scene {
        let subjects = log.iter().flatten().map(|record| usize::from(record.subject) + 1).max().unwrap_or(0);
        let place = |number| {
            (
                TopicName::new("brainops.lead").unwrap(),
                Partition::new(i32::try_from(number).unwrap()).unwrap(),
            )
        };
        let places = (0..log.len()).map(place).collect();
        let short = i64::from(mistake == Some(Mistake::WindowOffByOne));
        let is_new = log
            .iter()
            .map(|records| (0..=records.len()).map(|began| verdicts(records, began, short)).collect())
            .collect();
        let topic_id = TopicId::new("an-id").unwrap();
        Scene { log, subjects, batch: 2, may, mistake, places, topic_id, is_new }
    }

    pub(super) fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// The checkpoint before the record with this number: one behind the record before it, as gaps belong to the
    /// interval of what follows them.
    pub(super) fn offset(&self, partition: u8, number: u8) -> Offset {
        let before = usize::from(number).checked_sub(1);
        Offset::new(before.map_or(0, |before| self.log[usize::from(partition)][before].offset + 1)).unwrap()
    }

    /// The number of the record before which a checkpoint stands.
    pub(super) fn number(&self, partition: u8, offset: Offset) -> u8 {
        let found = (0..=self.end(partition)).find(|number| self.offset(partition, *number) == offset);
        found.expect("checkpoints stand before records")
    }

    /// How many records a partition has.
    pub(super) fn end(&self, partition: u8) -> u8 {
        u8::try_from(self.log[usize::from(partition)].len()).unwrap()
    }

    /// The reader's verdict, if it began before record `began`.
    pub(super) fn counts(&self, partition: u8, began: u8, number: u8) -> bool {
        self.is_new[usize::from(partition)][usize::from(began)][usize::from(number)]
    }

    /// The records of a subject, with its partition and their numbers.
    pub(super) fn records_of(&self, subject: u8) -> impl Iterator<Item = (u8, u8, Record)> {
        let numbered = |(partition, records): (usize, &Vec<Record>)| {
            let numbered = records.clone().into_iter().enumerate();
            numbered.map(move |(number, record)| (partition as u8, number as u8, record))
        };
        let all: Vec<_> = self.log.iter().enumerate().flat_map(numbered).collect();
        all.into_iter().filter(move |(_, _, record)| record.subject == subject)
    }

    /// What a subject's rows must be once everything before these checkpoints is folded, leaving out what a person
    /// dismissed: each event once, in order, up to the first that cannot be folded.
    pub(super) fn truth(&self, subject: u8, next: &[u8], dismissed: u16) -> Subject {
        let mut truth = Subject { dismissed, ..Subject::default() };
        for (partition, number, record) in self.records_of(subject) {
            let is_folded = number < next[usize::from(partition)];
            if !is_folded || self.repeats(partition, number) || dismissed & (1 << number) != 0 {
                continue;
            }
            if record.is_poison {
                truth.parked = Some(number);
                break;
            }
            truth.rows.push(record.event);
        }
        truth
    }

    /// Said twice: the rule in its own words.
    fn repeats(&self, partition: u8, number: u8) -> bool {
        let records = &self.log[usize::from(partition)];
        let this = records[usize::from(number)];
        let before = &records[..usize::from(number)];
        before.iter().any(|one| one.event == this.event && this.offset - one.offset <= 65_536)
    }
}

/// What the real window says of each record to a reader that began before record `began`.
fn verdicts(records: &[Record], began: usize, short: i64) -> Vec<bool> {
    let start = began.checked_sub(1).map_or(0, |before| records[before].offset + 1);
    let refill_from = start - i64::try_from(WINDOW_OFFSETS).unwrap() + short;
    let mut window = Window::new();
    let mut judge = |record: &Record| {
        let identity = Identity::of(b"source", &[record.event]);
        record.offset >= refill_from
            && window.judge(Offset::new(record.offset).unwrap(), Some(identity), Ok(())) == Verdict::New
    };
    records.iter().map(&mut judge).collect()
}
