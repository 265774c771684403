//! What can happen next, and what must never be.

use brainops_testkit::{Next, Protocol};

use super::scene::{Mistake, Scene};
use super::state::{Left, Row, Stage, State, Stored};

/// Something that happens. Relays, rows, partitions and dead producers go by their number.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "a counterexample prints them")]
pub(super) enum Step {
    /// A caller's row is committed; not in the order of the ids.
    Say { row: u8 },
    /// The same, numbered in that commit and handed over to the relay of the same process.
    SayNumbered { row: u8, relay: usize },
    /// The same, and the commit gives no answer.
    SayInDoubt { row: u8, relay: usize },
    /// A relay sends what was handed over.
    Take { relay: usize },
    /// A relay takes the lease, under a new epoch.
    Lease { relay: usize },
    /// It reads the tails of the partitions.
    Read { relay: usize },
    /// It stores what it found there, and knows what to send again.
    Open { relay: usize },
    /// It stores the numbers of rows that have none, and sends them.
    Number { relay: usize },
    /// The broker takes the next record of a partition.
    Land { relay: usize, partition: u8 },
    /// A caller is told of the broker's answer before the position is stored.
    Tell { relay: usize },
    /// The relay has heard of what landed, stores the positions, and tells the callers.
    Confirm { relay: usize },
    /// The relay dies, or its producer does.
    End { relay: usize },
    /// The broker takes the next record that a dead producer had sent.
    LandLate { producer: usize, partition: u8 },
    /// Somebody else appends an event of the outbox.
    SayElsewhere { row: u8 },
    /// Postgres is backed up.
    BackUp,
    /// Postgres is set back to the backup.
    Restore,
}

pub(super) type Found = Vec<Next<State, Step>>;

impl Protocol for Scene {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        let partitions = usize::from(self.partitions);
        State {
            log: vec![Vec::new(); partitions],
            stored: Stored {
                rows: (0..self.rows.len())
                    .map(|row| Row { is_there: self.late & (1 << row) == 0, ..Row::default() })
                    .collect(),
                epoch: 0,
                last_no: vec![0; partitions],
                read_through: vec![0; partitions],
            },
            backup: None,
            relays: [None, None],
            on_the_wire: Vec::new(),
            told: vec![None; self.rows.len()],
            elsewhere: 0,
            left: self.may,
        }
    }

    fn next(&self, state: &State) -> Found {
        let mut found = Vec::new();
        for row in 0..self.rows.len() as u8 {
            self.callers(state, row, &mut found);
        }
        for relay in 0..2 {
            self.relay_steps(state, relay, &mut found);
        }
        for producer in 0..state.on_the_wire.len() {
            self.late_arrivals(state, producer, &mut found);
        }
        self.backups(state, &mut found);
        found
    }

    fn broken(&self, before: Option<&State>, now: &State) -> Option<String> {
        if let Some(before) = before {
            let is_longer = |(before, now): (&Vec<u8>, &Vec<u8>)| now.starts_with(before);
            assert!(before.log.iter().zip(&now.log).all(is_longer), "a log only grows");
        }
        self.wrong(&now.log, &now.stored, &now.told, now.elsewhere)
    }

    fn is_done(&self, state: &State) -> bool {
        let stands = |row: u8| {
            let kept = state.stored.rows[usize::from(row)];
            kept.is_there && kept.position.is_some() && self.first(&state.log, row).is_some()
        };
        (0..self.rows.len() as u8).all(stands)
    }
}

impl Scene {
    fn callers(&self, state: &State, row: u8, found: &mut Found) {
        if !state.stored.rows[usize::from(row)].is_there && self.may_be_said(state, row) {
            for relay in 0..2 {
                self.handovers(state, row, relay, found);
            }
            Scene::step(found, state, Step::Say { row }, |state| {
                for row in self.together(row) {
                    state.stored.rows[usize::from(row)].is_there = true;
                }
            });
        }
        if state.elsewhere & (1 << row) == 0 {
            let left: fn(&mut Left) -> &mut u8 = |left| &mut left.elsewhere;
            Scene::fault(found, state, left, Step::SayElsewhere { row }, |state| {
                state.elsewhere |= 1 << row;
                state.log[self.partition(row)].push(row);
            });
        }
    }

    /// Whether everything is there that the same writer has said before.
    fn may_be_said(&self, state: &State, row: u8) -> bool {
        let before = |row: u8| (0..row).filter(move |one| self.partition(*one) == self.partition(row));
        let together: Vec<u8> = self.together(row).collect();
        let mut before = together.iter().flat_map(|row| before(*row));
        !self.in_order
            || before.all(|one| together.contains(&one) || state.stored.rows[usize::from(one)].is_there)
    }

    fn handovers(&self, state: &State, row: u8, relay: usize, found: &mut Found) {
        let Some(session) = &state.relays[relay] else { return };
        if !self.hands_over || session.stage != Stage::Open || session.epoch != state.stored.epoch {
            return;
        }
        Scene::step(found, state, Step::SayNumbered { row, relay }, |state| {
            let numbered = self.say_numbered(state, row);
            state.session(relay).handed.extend(numbered);
        });
        let left: fn(&mut Left) -> &mut u8 = |left| &mut left.ends;
        Scene::fault(found, state, left, Step::SayInDoubt { row, relay }, |state| {
            self.say_numbered(state, row);
            if !self.has(Mistake::NotDoubted) {
                self.end(state, relay);
            }
        });
    }

    /// Commits rows with a number each, unless others of their partition wait for theirs.
    fn say_numbered(&self, state: &mut State, row: u8) -> Vec<u8> {
        let rows = &state.stored.rows;
        let waits: Vec<usize> = (0..self.rows.len() as u8)
            .filter(|one| {
                let one = rows[usize::from(*one)];
                one.is_there && one.send_no.is_none() && one.position.is_none()
            })
            .map(|one| self.partition(one))
            .collect();
        let new: Vec<u8> = self.together(row).filter(|row| !rows[usize::from(*row)].is_there).collect();
        for row in &new {
            state.stored.rows[usize::from(*row)].is_there = true;
        }
        let past = self.has(Mistake::NumberedPastWaiting);
        let may = |row: &u8| past || !waits.contains(&self.partition(*row));
        let numbered: Vec<u8> = new.into_iter().filter(may).collect();
        self.number(state, &numbered);
        numbered
    }

    fn late_arrivals(&self, state: &State, producer: usize, found: &mut Found) {
        for partition in 0..self.partitions {
            let is_here = |row: &u8| self.partition(*row) == usize::from(partition);
            let Some(next) = state.on_the_wire[producer].iter().position(is_here) else { continue };
            Scene::step(found, state, Step::LandLate { producer, partition }, |state| {
                let row = state.on_the_wire[producer].remove(next);
                state.log[usize::from(partition)].push(row);
                state.on_the_wire.retain(|sent| !sent.is_empty());
            });
        }
    }

    fn backups(&self, state: &State, found: &mut Found) {
        if state.left.restores == 0 {
            return;
        }
        match &state.backup {
            None => Scene::step(found, state, Step::BackUp, |state| {
                state.backup = Some(Box::new(state.stored.clone()));
            }),
            Some(backup) if state.relays == [None, None] => {
                let left: fn(&mut Left) -> &mut u8 = |left| &mut left.restores;
                Scene::fault(found, state, left, Step::Restore, |state| {
                    state.stored = (**backup).clone();
                    state.on_the_wire.clear();
                });
            }
            Some(_) => {}
        }
    }

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
            found.push(Next { step, fault: true, state: state.in_order() });
        }
    }

    /// What an ordinary step leads to.
    pub(super) fn step(found: &mut Found, state: &State, step: Step, change: impl FnOnce(&mut State)) {
        let mut state = state.clone();
        change(&mut state);
        found.push(Next { step, fault: false, state: state.in_order() });
    }
}
