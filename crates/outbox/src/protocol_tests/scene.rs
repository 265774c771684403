//! What one model is about, and what must hold. The latter is written without any code of the outbox.

use super::state::{Left, Stored};

/// A mistake that somebody could make in earnest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// A former holder of the lease goes on writing to Postgres.
    FenceRemoved,
    /// Rows are sent first and numbered when they are confirmed.
    NumberedAfterSending,
    /// After a takeover, sending goes on behind the last row found in the log.
    RecoveryFromHighest,
    /// Rows are taken because their id is above the last one that was taken.
    TakenById,
    /// The caller is told as soon as Kafka answers, though the lease may be gone.
    ToldBeforeStored,
    /// The position of a row that an earlier session may have sent is taken from Kafka's answer.
    AnswerTrusted,
    /// Reading after the next takeover begins behind the last answer, whatever is still open before it.
    ReadThroughTooFar,
    /// Rows are sent whether their gate stands in the log or not.
    GateNotHeeded,
    /// A gate that has a number is taken for one that stands in the log.
    GateTrustedByNumber,
    /// What waited for a gate when its relay died was on the wire.
    HeldRowsSent,
    /// A writer numbers its rows though others of their partition wait for a number.
    NumberedPastWaiting,
    /// A relay sends what it has numbered before what was handed over to it earlier.
    HandedLate,
    /// A writer whose commit gave no answer says nothing.
    NotDoubted,
}

/// One case.
pub(super) struct Scene {
    /// The partition of each row.
    pub(super) rows: Vec<u8>,
    pub(super) partitions: u8,
    /// The row that must stand in the log before each row: committed with it, of a lower number.
    pub(super) gates: Vec<Option<u8>>,
    /// Rows that are not committed when it begins, one bit each.
    pub(super) late: u16,
    /// Whether callers are told before positions are stored.
    pub(super) tells_early: bool,
    /// Whether writers number their rows where a relay of their process is open.
    pub(super) hands_over: bool,
    /// Whether rows of a partition are one writer's, who says them in the order of their ids.
    pub(super) in_order: bool,
    /// How many rows are numbered at once.
    pub(super) batch: usize,
    /// How many offsets back a repeat is found.
    pub(super) window: usize,
    pub(super) may: Left,
    pub(super) mistake: Option<Mistake>,
}

impl Scene {
    pub(super) fn new(rows: &[u8], may: Left, mistake: Option<Mistake>) -> Scene {
        let partitions = rows.iter().max().map_or(0, |last| last + 1);
        let (late, tells_early, batch, window) = (1, false, 2, usize::MAX);
        let gates = vec![None; rows.len()];
        let (hands_over, in_order) = (false, false);
        Scene {
            rows: rows.to_vec(),
            partitions,
            gates,
            late,
            tells_early,
            hands_over,
            in_order,
            batch,
            window,
            may,
            mistake,
        }
    }

    pub(super) fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    pub(super) fn partition(&self, row: u8) -> usize {
        usize::from(self.rows[usize::from(row)])
    }

    /// The rows that are committed with a row.
    pub(super) fn together(&self, row: u8) -> impl Iterator<Item = u8> {
        let gate = self.gates[usize::from(row)].unwrap_or(row);
        (0..self.rows.len() as u8).filter(move |other| {
            *other == gate || self.gates[usize::from(*other)] == Some(gate) || *other == row
        })
    }

    /// The first record of a row, as every reader finds it.
    pub(super) fn first(&self, log: &[Vec<u8>], row: u8) -> Option<u8> {
        log[self.partition(row)].iter().position(|one| *one == row).map(|position| position as u8)
    }

    /// What must never be, of the log and of what was stored and told of it.
    pub(super) fn wrong(
        &self,
        log: &[Vec<u8>],
        stored: &Stored,
        told: &[Option<u8>],
        but: u16,
    ) -> Option<String> {
        let ours = |row: &u8| but & (1 << row) == 0;
        for row in (0..self.rows.len() as u8).filter(ours) {
            let first = self.first(log, row);
            let (kept, told) = (stored.rows[usize::from(row)].position, told[usize::from(row)]);
            if told.is_some() && told != first {
                return Some(format!("the caller of row {row} was told {told:?}, it stands at {first:?}"));
            }
            if kept.is_some() && kept != first {
                return Some(format!("row {row} is kept at {kept:?}, it stands at {first:?}"));
            }
            if self.times(log, row) > 1 {
                return Some(format!("row {row} counts twice"));
            }
        }
        for row in (0..self.rows.len() as u8).filter(ours) {
            let Some(gate) = self.gates[usize::from(row)] else { continue };
            if self.first(log, row).is_some() && self.first(log, gate).is_none() {
                return Some(format!("row {row} stands in the log without its gate {gate}"));
            }
        }
        let firsts = |records: &Vec<u8>| -> Vec<u8> {
            let is_first = |(position, row): &(usize, &u8)| !records[..*position].contains(row);
            records.iter().enumerate().filter(is_first).map(|(_, row)| *row).filter(ours).collect()
        };
        let overtaken = |records: &Vec<u8>| !firsts(records).is_sorted() && self.in_order;
        if let Some(records) = log.iter().find(|records| overtaken(records)) {
            return Some(format!("one writer's rows stand in the order {records:?}"));
        }
        log.iter().find_map(|records| {
            let numbers: Vec<u8> =
                firsts(records).into_iter().filter_map(|row| stored.rows[usize::from(row)].send_no).collect();
            (!numbers.is_sorted()).then(|| format!("sent in the order {numbers:?}"))
        })
    }

    /// How often a row counts by the duplicate rule.
    fn times(&self, log: &[Vec<u8>], row: u8) -> usize {
        let records = &log[self.partition(row)];
        let repeats =
            |position: usize| records[position.saturating_sub(self.window)..position].contains(&row);
        let here = records.iter().enumerate().filter(|(_, one)| **one == row);
        here.filter(|(position, _)| !repeats(*position)).count()
    }
}
