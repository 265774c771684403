//! Explores a small model of a protocol: every interleaving, breadth first.
//!
//! A model says where it begins and what can happen next; [`explore`] visits every state that can be reached and asks
//! of each whether it may be, and of all whether they lead anywhere: from every state, however many faults lie before
//! it, some way without further faults must end in one that is done. What is found wrong comes with a shortest way
//! to it.
//!
//! States are compared whole, never by a digest, so none is taken for another.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// A protocol small enough for all of its histories to be looked at.
pub trait Protocol {
    /// Everything that the next step can depend on.
    type State: Eq + Hash + fmt::Debug;
    /// What happens, for the person who reads how it came to something.
    type Step: fmt::Debug;

    /// Where every history begins.
    fn start(&self) -> Self::State;

    /// Everything that can happen next.
    fn next(&self, state: &Self::State) -> Vec<Next<Self::State, Self::Step>>;

    /// Why a step must not have been: what a state may be is judged together with how it was reached. `before` is
    /// `None` for the start.
    fn broken(&self, before: Option<&Self::State>, now: &Self::State) -> Option<String>;

    /// Whether nothing is left to be done.
    fn is_done(&self, state: &Self::State) -> bool;
}

/// One thing that can happen.
#[derive(Debug)]
pub struct Next<State, Step> {
    /// What it is.
    pub step: Step,
    /// Whether it is a fault: one that the protocol must survive, and may not need in order to get on.
    pub fault: bool,
    /// What comes of it.
    pub state: State,
}

/// What was looked at when nothing wrong was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explored {
    /// How many different states there are.
    pub states: usize,
    /// How many steps lead from one to another.
    pub steps: usize,
    /// How many of the states are done.
    pub done: usize,
}

/// A history that must not be.
#[derive(Debug)]
pub struct Counterexample {
    /// What is wrong with its end.
    pub what: String,
    /// Its steps.
    pub steps: Vec<String>,
    /// Its end.
    pub end: String,
    /// How many states had been seen when it was found.
    pub states: usize,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} (after {} states)", self.what, self.states)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(formatter, "{:>4}. {step}", number + 1)?;
        }
        write!(formatter, "ends in {}", self.end)
    }
}

/// Looks at every history of a protocol.
///
/// # Errors
/// The shortest history that breaks the protocol, or one from which nothing leads to an end.
///
/// # Panics
/// If there are more than `limit` states: the model is too large to say anything about.
pub fn explore<P: Protocol>(protocol: &P, limit: usize) -> Result<Explored, Box<Counterexample>> {
    let mut search = Search { seen: Vec::new(), numbers: HashMap::default(), onward: Vec::new(), steps: 0 };
    let start = protocol.start();
    let broken = protocol.broken(None, &start);
    search.note(start, None);
    if let Some(what) = broken {
        return Err(search.history(0, what));
    }
    let mut at = 0;
    while at < search.seen.len() {
        assert!(search.seen.len() <= limit, "more than {limit} states");
        search.visit(protocol, at)?;
        at += 1;
    }
    search.lead_to_an_end(protocol)
}

/// A state that was reached, and how: the state before it, and the step.
struct Seen<P: Protocol> {
    state: Rc<P::State>,
    from: Option<(usize, P::Step)>,
}

struct Search<P: Protocol> {
    /// In the order of their distance from the start.
    seen: Vec<Seen<P>>,
    numbers: HashMap<Rc<P::State>, usize, BuildHasherDefault<Quick>>,
    /// The steps that are no faults, from and to.
    onward: Vec<(usize, usize)>,
    steps: usize,
}

impl<P: Protocol> Search<P> {
    /// The number of a state; whether it is new.
    fn note(&mut self, state: P::State, from: Option<(usize, P::Step)>) -> (usize, bool) {
        if let Some(number) = self.numbers.get(&state) {
            return (*number, false);
        }
        let (number, state) = (self.seen.len(), Rc::new(state));
        self.numbers.insert(Rc::clone(&state), number);
        self.seen.push(Seen { state, from });
        (number, true)
    }

    fn visit(&mut self, protocol: &P, at: usize) -> Result<(), Box<Counterexample>> {
        let before = Rc::clone(&self.seen[at].state);
        for Next { step, fault, state } in protocol.next(&before) {
            self.steps += 1;
            let broken = protocol.broken(Some(&before), &state);
            if let Some(what) = broken {
                let last = self.seen.len();
                self.seen.push(Seen { state: Rc::new(state), from: Some((at, step)) });
                return Err(self.history(last, what));
            }
            let (number, _) = self.note(state, Some((at, step)));
            if !fault {
                self.onward.push((at, number));
            }
        }
        Ok(())
    }

    /// Walks back from all that is done; what is not met on the way leads nowhere.
    fn lead_to_an_end(self, protocol: &P) -> Result<Explored, Box<Counterexample>> {
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.seen.len()];
        for (from, to) in &self.onward {
            before[*to].push(*from);
        }
        let mut leads: Vec<bool> = self.seen.iter().map(|seen| protocol.is_done(&seen.state)).collect();
        let mut open: Vec<usize> = (0..leads.len()).filter(|number| leads[*number]).collect();
        let done = open.len();
        while let Some(number) = open.pop() {
            for from in &before[number] {
                if !leads[*from] {
                    leads[*from] = true;
                    open.push(*from);
                }
            }
        }
        match leads.iter().position(|leads| !leads) {
            Some(stuck) => Err(self.history(stuck, "nothing leads to an end from here".to_owned())),
            None => Ok(Explored { states: self.seen.len(), steps: self.steps, done }),
        }
    }

    fn history(&self, end: usize, what: String) -> Box<Counterexample> {
        let (mut steps, mut at) = (Vec::new(), end);
        while let Some((from, step)) = &self.seen[at].from {
            steps.push(format!("{step:?}"));
            at = *from;
        }
        steps.reverse();
        let end = format!("{:#?}", self.seen[end].state);
        Box::new(Counterexample { what, steps, end, states: self.seen.len() })
    }
}

/// A hash in a few instructions. States are compared whole, so two of one hash cost time and nothing else.
#[derive(Debug, Default)]
struct Quick(u64);

impl Quick {
    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(eight));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32) // a table takes its place from the low bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hands add to one number without a lock, each reads first and writes after.
    struct Adders {
        atomic: bool,
        may_hang: bool,
    }

    type Hands = (u8, [Hand; 2]);

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    enum Hand {
        Idle,
        Read(u8),
        Hung,
        Done,
    }

    impl Protocol for Adders {
        type State = Hands;
        type Step = (&'static str, usize);

        fn start(&self) -> Hands {
            (0, [Hand::Idle; 2])
        }

        fn next(&self, (number, hands): &Hands) -> Vec<Next<Hands, Self::Step>> {
            let mut found = Vec::new();
            for hand in 0..2 {
                let mut to = |what, number, now, fault| {
                    let mut hands = *hands;
                    hands[hand] = now;
                    found.push(Next { step: (what, hand), fault, state: (number, hands) });
                };
                match hands[hand] {
                    Hand::Idle if self.atomic => to("add", number + 1, Hand::Done, false),
                    Hand::Idle => to("read", *number, Hand::Read(*number), false),
                    Hand::Read(read) => to("write", read + 1, Hand::Done, false),
                    Hand::Hung | Hand::Done => {}
                }
                if self.may_hang && hands[hand] == Hand::Idle {
                    to("hang", *number, Hand::Hung, true);
                }
            }
            found
        }

        fn broken(&self, before: Option<&Hands>, now: &Hands) -> Option<String> {
            if before.is_some_and(|before| before.0 > now.0) {
                return Some("it went back".to_owned());
            }
            (now.1 == [Hand::Done; 2] && now.0 != 2).then(|| "one was lost".to_owned())
        }

        fn is_done(&self, state: &Hands) -> bool {
            state.1 == [Hand::Done; 2]
        }
    }

    #[test]
    fn every_state_is_seen_once() {
        let explored = explore(&Adders { atomic: true, may_hang: false }, 100).unwrap();
        assert_eq!(explored, Explored { states: 4, steps: 4, done: 1 });
    }

    #[test]
    fn a_lost_addition_comes_with_the_shortest_way_to_it() {
        let found = explore(&Adders { atomic: false, may_hang: false }, 100).unwrap_err();
        assert_eq!(found.what, "one was lost");
        assert_eq!(found.steps, [r#"("read", 0)"#, r#"("read", 1)"#, r#"("write", 0)"#, r#"("write", 1)"#]);
    }

    #[test]
    fn a_state_from_which_nothing_gets_on_is_found() {
        let found = explore(&Adders { atomic: true, may_hang: true }, 100).unwrap_err();
        assert_eq!(found.what, "nothing leads to an end from here");
        assert_eq!(found.steps, [r#"("hang", 0)"#]);
        assert!(found.to_string().contains("   1. (\"hang\", 0)\nends in"), "{found}");
    }

    #[test]
    #[should_panic(expected = "more than 3 states")]
    fn a_model_that_is_too_large_says_nothing() {
        let _ = explore(&Adders { atomic: true, may_hang: false }, 3);
    }
}
