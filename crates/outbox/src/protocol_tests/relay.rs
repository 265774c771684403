//! The steps of a relay, each as short as what it does at once: between two of them anything else may happen.

use super::model::{Found, Step};
use super::recovery::{Recovered, recover};
use super::scene::{Mistake, Scene};
use super::state::{Left, Session, Stage, State};

const ENDS: fn(&mut Left) -> &mut u8 = |left| &mut left.ends;

impl Scene {
    pub(super) fn relay_steps(&self, state: &State, relay: usize, found: &mut Found) {
        let Some(session) = &state.relays[relay] else {
            self.lease(state, relay, found);
            return;
        };
        match &session.stage {
            Stage::Leased => Scene::step(found, state, Step::Read { relay }, |state| {
                let first_from = |row: u8| self.first_from(state, row);
                let rows = (0..self.rows.len() as u8).map(first_from).collect();
                let ends = state.log.iter().map(|records| records.len() as u8).collect();
                state.session(relay).stage = Stage::Read { found: rows, ends };
            }),
            Stage::Read { found: rows, ends } => {
                self.transaction(state, relay, Step::Open { relay }, found, |state| {
                    self.open(state, relay, rows, ends);
                });
            }
            Stage::Open => self.open_steps(state, relay, session, found),
        }
        Scene::fault(found, state, ENDS, Step::End { relay }, |state| self.end(state, relay));
    }

    /// Ends a session: what it had sent may still arrive, what it held back is gone.
    pub(super) fn end(&self, state: &mut State, relay: usize) {
        if let Some(mut session) = state.relays[relay].take() {
            let passed = self.passed(state, &session);
            session.sent.retain(|row| passed.contains(row) || self.has(Mistake::HeldRowsSent));
            state.relays[relay] = Some(session);
        }
        state.end(relay);
    }

    /// Of what a session has numbered: what is on its way, with nothing in front of it that waits for a gate.
    fn passed(&self, state: &State, session: &Session) -> Vec<u8> {
        let mut waits = vec![false; usize::from(self.partitions)];
        let passes = |row: &u8| {
            let waits = &mut waits[self.partition(*row)];
            *waits = *waits || !self.may_pass(state, session, *row);
            !*waits
        };
        session.sent.iter().copied().filter(passes).collect()
    }

    /// Whether the gate of a row is known to stand in the log, by its answer or by the tables.
    fn may_pass(&self, state: &State, session: &Session, row: u8) -> bool {
        let Some(gate) = self.gates[usize::from(row)] else { return true };
        let stored = state.stored.rows[usize::from(gate)];
        stored.position.is_some()
            || session.landed.iter().any(|(landed, _)| *landed == gate)
            || self.has(Mistake::GateNotHeeded)
            || (self.has(Mistake::GateTrustedByNumber) && stored.send_no.is_some())
    }

    /// A new epoch. While the other relay believes to hold the lease, this is a takeover; once it is alone, a matter
    /// of course.
    fn lease(&self, state: &State, relay: usize, found: &mut Found) {
        let take = |state: &mut State| {
            state.stored.epoch += 1;
            let epoch = state.stored.epoch;
            let (stage, sent, handed, landed) = (Stage::Leased, Vec::new(), Vec::new(), Vec::new());
            state.relays[relay] = Some(Session { epoch, stage, sent, handed, landed, inherited: 0 });
        };
        let other = &state.relays[1 - relay];
        if other.as_ref().is_some_and(|other| other.epoch == state.stored.epoch) {
            Scene::fault(found, state, |left| &mut left.takeovers, Step::Lease { relay }, take);
        } else {
            Scene::step(found, state, Step::Lease { relay }, take);
        }
    }

    /// Stores the positions of all that was found, whatever Postgres knew of it, and finds out what is missing.
    fn open(&self, state: &mut State, relay: usize, found: &[Option<u8>], ends: &[u8]) {
        let Recovered { confirmed, again } = recover(self, &state.stored, found);
        let others = (0u8..).zip(found).filter_map(|(row, position)| Some((row, (*position)?)));
        for (row, position) in confirmed.into_iter().chain(others) {
            self.keep(state, row, position);
        }
        state.stored.read_through = ends.to_vec();
        let session = state.session(relay);
        session.inherited = again.iter().fold(0, |all, row| all | 1 << row);
        (session.sent, session.stage) = (again, Stage::Open);
    }

    fn open_steps(&self, state: &State, relay: usize, session: &Session, found: &mut Found) {
        let fresh = self.without_number(state, session);
        if !fresh.is_empty() {
            let step = Step::Number { relay };
            if self.has(Mistake::NumberedAfterSending) {
                Scene::step(found, state, step, |state| state.session(relay).sent.extend(fresh));
            } else {
                self.transaction(state, relay, step, found, |state| {
                    self.number(state, &fresh);
                    let session = state.session(relay);
                    if !self.has(Mistake::HandedLate) {
                        session.sent.append(&mut session.handed);
                    }
                    session.sent.extend(fresh);
                });
            }
        }
        if !session.handed.is_empty() {
            Scene::step(found, state, Step::Take { relay }, |state| {
                let session = state.session(relay);
                session.sent.append(&mut session.handed);
            });
        }
        self.broker(state, relay, session, found);
        if !session.landed.is_empty() {
            self.transaction(state, relay, Step::Confirm { relay }, found, |state| {
                self.confirm(state, relay)
            });
        }
    }

    fn broker(&self, state: &State, relay: usize, session: &Session, found: &mut Found) {
        for partition in 0..self.partitions {
            let is_here = |row: &u8| self.partition(*row) == usize::from(partition);
            let Some(next) = session.sent.iter().position(is_here) else { continue };
            if !self.may_pass(state, session, session.sent[next]) {
                continue;
            }
            Scene::step(found, state, Step::Land { relay, partition }, |state| {
                let position = state.log[usize::from(partition)].len() as u8;
                let row = state.session(relay).sent.remove(next);
                state.session(relay).landed.push((row, position));
                state.log[usize::from(partition)].push(row);
            });
        }
        self.tell(state, relay, session, found);
    }

    /// Callers of rows that nobody else can have sent are told before the position is stored, while the lease is good.
    fn tell(&self, state: &State, relay: usize, session: &Session, found: &mut Found) {
        let is_good = session.epoch == state.stored.epoch;
        let may = is_good && self.tells_early || self.has(Mistake::ToldBeforeStored);
        let is_news = |(row, _): &&(u8, u8)| {
            session.inherited & (1 << row) == 0 && state.told[usize::from(*row)].is_none()
        };
        let Some((row, position)) = session.landed.iter().find(is_news).filter(|_| may) else { return };
        Scene::step(found, state, Step::Tell { relay }, |state| {
            state.told[usize::from(*row)] = Some(*position);
        });
    }

    /// Rows that were committed and have no number yet, in the order of their ids.
    fn without_number(&self, state: &State, session: &Session) -> Vec<u8> {
        let taken =
            |row: &u8| session.sent.contains(row) || session.landed.iter().any(|(landed, _)| landed == row);
        let rows = &state.stored.rows;
        let last = if self.has(Mistake::TakenById) {
            rows.iter().rposition(|row| row.send_no.is_some())
        } else {
            None
        };
        (0..self.rows.len() as u8)
            .filter(|row| {
                let stored = rows[usize::from(*row)];
                stored.is_there && stored.send_no.is_none() && stored.position.is_none() && !taken(row)
            })
            .filter(|row| last.is_none_or(|last| usize::from(*row) > last))
            .take(self.batch)
            .collect()
    }

    pub(super) fn number(&self, state: &mut State, rows: &[u8]) {
        for row in rows {
            let last = &mut state.stored.last_no[self.partition(*row)];
            *last += 1;
            state.stored.rows[usize::from(*row)].send_no = Some(*last);
        }
    }

    /// Stores the positions of what was answered: by the answer where nobody else can have sent the row, else by
    /// reading.
    fn confirm(&self, state: &mut State, relay: usize) {
        let landed = std::mem::take(&mut state.session(relay).landed);
        for (row, position) in &landed {
            if state.stored.rows[usize::from(*row)].send_no.is_none() {
                self.number(state, &[*row]); // the mistake
            }
            let bit = 1u16 << row;
            let is_inherited = state.session(relay).inherited & bit != 0;
            state.session(relay).inherited &= !bit;
            let by_reading = is_inherited && !self.has(Mistake::AnswerTrusted);
            let read = if by_reading { self.first_from(state, *row) } else { None };
            self.keep(state, *row, read.unwrap_or(*position));
        }
        let inherited = state.session(relay).inherited;
        for (row, position) in landed {
            let partition = self.partition(row);
            let is_open = |row: u8| inherited & (1 << row) != 0 && self.partition(row) == partition;
            let waits = (0..self.rows.len() as u8).any(is_open) && !self.has(Mistake::ReadThroughTooFar);
            if !waits {
                let through = &mut state.stored.read_through[partition];
                *through = (*through).max(position + 1);
            }
        }
    }

    fn keep(&self, state: &mut State, row: u8, position: u8) {
        let stored = &mut state.stored.rows[usize::from(row)];
        stored.is_there = true;
        let position = *stored.position.get_or_insert(position);
        state.told[usize::from(row)].get_or_insert(position);
    }

    /// The first record of a row in what reading would read.
    fn first_from(&self, state: &State, row: u8) -> Option<u8> {
        let partition = self.partition(row);
        let from = usize::from(state.stored.read_through[partition]);
        let found = state.log[partition].iter().skip(from).position(|one| *one == row);
        found.map(|position| (from + position) as u8)
    }

    /// One transaction that holds the lease row and checks its epoch; of another epoch, the session ends.
    fn transaction(
        &self,
        state: &State,
        relay: usize,
        step: Step,
        found: &mut Found,
        change: impl FnOnce(&mut State),
    ) {
        let epoch = state.relays[relay].as_ref().map(|session| session.epoch);
        if epoch != Some(state.stored.epoch) && !self.has(Mistake::FenceRemoved) {
            Scene::step(found, state, step, |state| self.end(state, relay));
            return;
        }
        Scene::step(found, state, step, change);
    }
}
