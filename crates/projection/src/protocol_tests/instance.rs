//! The steps of an instance, each as short as what it does at once: between two of them anything else may happen.

use super::model::{Found, Step};
use super::real::{fate_of, planned};
use super::scene::{Mistake, Scene};
use super::state::{Attempt, Doing, Piece, Seat, State, Transaction};
use crate::advance::Fate;

impl Scene {
    pub(super) fn instance_steps(&self, state: &State, instance: usize, found: &mut Found) {
        let me = &state.instances[instance];
        match &me.doing {
            Doing::Nothing => {
                for partition in 0..self.log.len() {
                    self.assignment(state, instance, partition as u8, found);
                }
                self.deliveries(state, instance, found);
                self.releases(state, instance, found);
            }
            Doing::Has(batch) => self.begin(state, instance, batch, found),
            Doing::Writing(attempt) => self.write(state, instance, attempt, found),
            Doing::Settling(attempt) => self.settle(state, instance, attempt, found),
        }
        if me.doing != Doing::Nothing || me.seats.iter().any(Option::is_some) {
            Scene::fault(
                found,
                state,
                |left| &mut left.crashes,
                Step::Crash { instance },
                |state| {
                    disown(state, instance);
                    state.instances[instance].seats.fill(None);
                    state.instances[instance].doing = Doing::Nothing;
                },
            );
        }
    }

    /// The group gives a partition to an instance, or the instance notices that it has lost it.
    fn assignment(&self, state: &State, instance: usize, partition: u8, found: &mut Found) {
        let row = state.stored.checkpoints[usize::from(partition)];
        match state.instances[instance].seats[usize::from(partition)] {
            Some(seat) if seat.is_lost || seat.epoch < row.epoch => {
                let step = Step::GiveUp { instance, partition };
                Scene::step(found, state, step, |state| *state.seat_mut(instance, partition) = None);
            }
            None if !state.is_locked(partition) => {
                let take = |state: &mut State| {
                    let row = &mut state.stored.checkpoints[usize::from(partition)];
                    row.epoch += 1;
                    let (epoch, next) = (row.epoch, row.next);
                    let seat = Seat { epoch, next, began: next, read: next, is_lost: false };
                    *state.seat_mut(instance, partition) = Some(seat);
                };
                let step = Step::TakeOver { instance, partition };
                let other = state.instances[1 - instance].seats[usize::from(partition)];
                if other.is_some_and(|seat| !seat.is_lost && seat.epoch == row.epoch) {
                    Scene::fault(found, state, |left| &mut left.takeovers, step, take);
                } else {
                    Scene::step(found, state, step, take);
                }
            }
            _ => {}
        }
    }

    fn deliveries(&self, state: &State, instance: usize, found: &mut Found) {
        let ahead = |partition: usize| match state.instances[instance].seats.get(partition) {
            Some(Some(seat)) if !seat.is_lost => self.batch.min(self.end(partition as u8) - seat.read),
            _ => 0,
        };
        for one in 0..=ahead(0) {
            for other in 0..=ahead(1) {
                if one + other > 0 {
                    let take = [one, other];
                    let step = Step::Deliver { instance, take };
                    Scene::step(found, state, step, |state| deliver(state, instance, take));
                }
            }
        }
    }

    /// Plans the batch, and moves the checkpoints that are where the plan has them; waits for locks.
    fn begin(&self, state: &State, instance: usize, batch: &[Piece], found: &mut Found) {
        let step = Step::Move { instance };
        let Some(planned) = planned(self, &state.instances[instance], batch) else {
            Scene::step(found, state, step, |state| {
                state.refused = Some("a batch does not follow what is folded");
            });
            return;
        };
        if planned.is_empty() {
            Scene::step(found, state, step, |state| state.instances[instance].doing = Doing::Nothing);
            return;
        }
        let stands = |partition: u8| state.stored.checkpoints[usize::from(partition)];
        let mut claims = planned.clone();
        if self.has(Mistake::EpochIgnored) {
            claims.retain(|claim| stands(claim.partition).next == claim.from);
        } else if !self.has(Mistake::FenceRemoved) {
            claims.retain(|claim| stands(claim.partition).epoch == claim.epoch);
            claims.retain(|claim| stands(claim.partition).next == claim.from);
        }
        if claims.iter().any(|claim| state.is_locked(claim.partition)) {
            return; // it waits
        }
        let moved: Vec<u8> = claims.iter().map(|claim| claim.partition).collect();
        let attempt = Attempt { batch: batch.to_vec(), planned, moved };
        Scene::step(found, state, step, |state| {
            if claims.is_empty() {
                conclude(state, instance, &attempt);
                return;
            }
            if self.has(Mistake::CheckpointBeforeRows) {
                for claim in &claims {
                    state.stored.checkpoints[usize::from(claim.partition)].next = claim.through;
                }
            }
            state.open.push(Transaction { owner: Some(instance as u8), claims, writes: None });
            state.instances[instance].doing = Doing::Writing(attempt);
        });
    }

    /// Loads the rows, folds, writes them, and sends COMMIT.
    fn write(&self, state: &State, instance: usize, attempt: &Attempt, found: &mut Found) {
        let Some(mine) = state.transaction_of(instance) else { return };
        if state.open[mine].writes.is_some() {
            return; // it waits for the answer
        }
        Scene::step(found, state, Step::Write { instance }, |state| {
            let mut writes = Vec::new();
            let all = self.has(Mistake::LostPartitionWritten);
            let is_mine = |piece: &&Piece| all || attempt.moved.contains(&piece.partition);
            for piece in attempt.batch.iter().filter(is_mine) {
                for subject in 0..self.subjects as u8 {
                    let is_here =
                        self.records_of(subject).any(|(partition, ..)| partition == piece.partition);
                    let stored = &state.stored.subjects[usize::from(subject)];
                    if is_here {
                        let folded = self.fold(subject, stored, piece.began, piece.from..piece.through);
                        writes.push((subject, folded));
                    }
                }
            }
            state.open[mine].writes = Some(writes);
        });
    }

    fn settle(&self, state: &State, instance: usize, attempt: &Attempt, found: &mut Found) {
        let must_look = !self.has(Mistake::UnknownTakenForLost);
        if must_look && attempt.moved.iter().any(|partition| state.is_locked(*partition)) {
            return; // it waits
        }
        Scene::step(found, state, Step::Settle { instance }, |state| {
            let fate = match must_look {
                true => fate_of(self, attempt, &state.stored.checkpoints),
                false => Some(Fate::Lost),
            };
            match fate {
                Some(Fate::Committed) => conclude(state, instance, attempt),
                Some(Fate::Lost | Fate::TakenOver) => {
                    state.instances[instance].doing = Doing::Has(attempt.batch.clone());
                }
                Some(Fate::Impossible) | None => {
                    state.refused =
                        Some("no history explains the checkpoints after a COMMIT without an answer");
                }
            }
        });
    }

    /// The owner of a partition carries out what a person decided, in one transaction that checks the checkpoint.
    fn releases(&self, state: &State, instance: usize, found: &mut Found) {
        for (subject, stored) in (0u8..).zip(&state.stored.subjects) {
            let Some(parked) = stored.parked.filter(|_| stored.asked) else { continue };
            let Some((partition, ..)) = self.records_of(subject).next() else { continue };
            let Some(seat) = state.instances[instance].seats[usize::from(partition)] else { continue };
            if seat.is_lost || state.is_locked(partition) {
                continue;
            }
            let row = state.stored.checkpoints[usize::from(partition)];
            let unfenced = self.has(Mistake::ReleasedByFormerOwner);
            let is_mine = unfenced || (row.epoch, row.next) == (seat.epoch, seat.next);
            Scene::step(found, state, Step::Release { instance, subject }, |state| {
                if !is_mine {
                    state.seat_mut(instance, partition).iter_mut().for_each(|seat| seat.is_lost = true);
                    return;
                }
                let stored = &mut state.stored.subjects[usize::from(subject)];
                (stored.parked, stored.asked) = (None, false);
                stored.dismissed |= 1 << parked;
                *stored = self.fold(subject, stored, parked, parked..seat.next);
            });
        }
    }
}

fn deliver(state: &mut State, instance: usize, take: [u8; 2]) {
    let mut batch = Vec::new();
    for (partition, seat) in (0u8..).zip(&mut state.instances[instance].seats) {
        let (Some(seat), count @ 1..) = (seat, take[usize::from(partition)]) else { continue };
        let (from, through) = (seat.read, seat.read + count);
        batch.push(Piece { partition, from, through, began: seat.began });
        seat.read = through;
    }
    state.instances[instance].doing = Doing::Has(batch);
}

/// An attempt is over: what moved has moved, the rest belongs to somebody else.
pub(super) fn conclude(state: &mut State, instance: usize, attempt: &Attempt) {
    for claim in &attempt.planned {
        if let Some(seat) = state.seat_mut(instance, claim.partition) {
            match attempt.moved.contains(&claim.partition) {
                true => seat.next = claim.through,
                false => seat.is_lost = true,
            }
        }
    }
    state.instances[instance].doing = Doing::Nothing;
}

/// Nobody waits any more for the transaction of an instance.
pub(super) fn disown(state: &mut State, instance: usize) {
    if let Some(mine) = state.transaction_of(instance) {
        state.open[mine].owner = None;
    }
}
