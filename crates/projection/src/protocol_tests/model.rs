//! What can happen next, and what must never be.

use brainops_testkit::{Next, Protocol};

use super::scene::{Mistake, Scene};
use super::state::{Doing, Instance, Left, Row, State, Stored, Subject};

/// Something that happens. Instances, partitions and transactions go by their number.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "a counterexample prints them")]
pub(super) enum Step {
    /// An instance raises the epoch of a partition.
    TakeOver { instance: usize, partition: u8 },
    /// It lets go of a partition that is somebody else's.
    GiveUp { instance: usize, partition: u8 },
    /// A batch comes in, with this many records of each partition.
    Deliver { instance: usize, take: [u8; 2] },
    /// BEGIN, and the statement that moves the checkpoints.
    Move { instance: usize },
    /// The rows are written, and COMMIT sent.
    Write { instance: usize },
    /// Postgres commits, and the answer arrives.
    Commit { transaction: usize },
    /// Postgres commits, and the answer is lost.
    CommitUnheard { transaction: usize },
    /// The connection is lost while the transaction is open, or its COMMIT on the way.
    Cut { transaction: usize },
    /// A transaction whose client is gone is committed after all.
    LateCommit { transaction: usize },
    /// A transaction whose client is gone is rolled back.
    RollBack { transaction: usize },
    /// The checkpoints are read behind their locks after an unknown COMMIT.
    Settle { instance: usize },
    /// The process is killed, and begins again.
    Crash { instance: usize },
    /// A person decides to dismiss the record that a subject is parked at.
    Dismiss { subject: u8 },
    /// The owner carries that out: the subject's records are read and folded again.
    Release { instance: usize, subject: u8 },
}

pub(super) type Found = Vec<Next<State, Step>>;

impl Protocol for Scene {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        let idle = || Instance { seats: vec![None; self.log.len()], doing: Doing::Nothing };
        State {
            stored: Stored {
                checkpoints: vec![Row::default(); self.log.len()],
                subjects: vec![Subject::default(); self.subjects],
            },
            open: Vec::new(),
            instances: [idle(), idle()],
            left: self.may,
            refused: None,
        }
    }

    fn next(&self, state: &State) -> Found {
        let mut found = Vec::new();
        for instance in 0..2 {
            self.instance_steps(state, instance, &mut found);
        }
        for transaction in 0..state.open.len() {
            self.server_steps(state, transaction, &mut found);
        }
        for (subject, stored) in (0u8..).zip(&state.stored.subjects) {
            if stored.parked.is_some() && !stored.asked {
                let mut state = state.clone();
                state.stored.subjects[usize::from(subject)].asked = true;
                found.push(Next { step: Step::Dismiss { subject }, fault: false, state });
            }
        }
        found
    }

    fn broken(&self, before: Option<&State>, now: &State) -> Option<String> {
        if let Some(refused) = now.refused {
            return Some(refused.to_owned());
        }
        let rows = |state: &State| state.stored.checkpoints.clone();
        let went_back = |(before, now): (Row, Row)| now.epoch < before.epoch || now.next < before.next;
        if before.is_some_and(|before| rows(before).into_iter().zip(rows(now)).any(went_back)) {
            return Some("a checkpoint went back".to_owned());
        }
        let next = now.next();
        let differs = |(subject, stored): (u8, &Subject)| {
            let truth = self.truth(subject, &next, stored.dismissed);
            let differs = (&truth.rows, truth.parked) != (&stored.rows, stored.parked);
            differs.then(|| {
                let (held, parked) = (&stored.rows, stored.parked);
                let (right, stands) = (truth.rows, truth.parked);
                format!("subject {subject} holds {held:?}, parked at {parked:?}; the log says {right:?}, {stands:?}")
            })
        };
        (0u8..).zip(&now.stored.subjects).find_map(differs)
    }

    fn is_done(&self, state: &State) -> bool {
        let folded = (0u8..).zip(state.next()).all(|(partition, next)| next == self.end(partition));
        folded && state.stored.subjects.iter().all(|subject| subject.parked.is_none())
    }
}

impl Scene {
    /// A fault, if one of its kind is left.
    pub(super) fn fault(
        found: &mut Found,
        state: &State,
        of: fn(&mut Left) -> &mut u8,
        step: Step,
        change: impl FnOnce(&mut State),
    ) {
        let mut state = state.clone();
        let left = of(&mut state.left);
        if *left > 0 {
            *left -= 1;
            change(&mut state);
            found.push(Next { step, fault: true, state });
        }
    }

    /// What an ordinary step leads to.
    pub(super) fn step(found: &mut Found, state: &State, step: Step, change: impl FnOnce(&mut State)) {
        let mut state = state.clone();
        change(&mut state);
        found.push(Next { step, fault: false, state });
    }

    /// What a subject is after records `[from, through)` of its partition, as the fold would have it.
    pub(super) fn fold(
        &self,
        subject: u8,
        stored: &Subject,
        began: u8,
        span: std::ops::Range<u8>,
    ) -> Subject {
        let mut folded = stored.clone();
        for (partition, number, record) in self.records_of(subject) {
            let counts = span.contains(&number) && self.counts(partition, began, number);
            if !counts || folded.dismissed & (1 << number) != 0 {
                continue;
            }
            match (folded.parked, record.is_poison) {
                (Some(_), false) if self.has(Mistake::SuccessorLetThrough) => folded.rows.push(record.event),
                (Some(_), _) => {} // held: it will be read again
                (None, true) => folded.parked = Some(number),
                (None, false) => folded.rows.push(record.event),
            }
        }
        folded
    }
}
