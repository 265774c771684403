//! What an author writes, and the same without its types.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use brainops_event::Recorded;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::canonical;
use crate::input::Input;
use crate::limits::Limits;
use crate::refusal::{Refusal, RefusalClass};
use crate::route::Route;
use crate::turn::Turn;
use crate::wait::Wait;

/// How large the state of an instance may be, in bytes of JSON.
const MAX_STATE_BYTES: usize = 1024 * 1024;

/// An agent: a pure reaction. Its instances, each about one correlation, are its sagas.
///
/// Nothing in here may look at a clock, at chance, or at the world: what it decides follows from state and input. What
/// it wants to know or have done, it says ([`Turn::say`]), and the answer comes as an event.
pub trait Agent: Send + Sync + 'static {
    /// What an instance remembers, kept as JSON. It begins as the default. No personal text: what is sealed in events
    /// stays sealed here.
    type State: Serialize + DeserializeOwned + Default;

    /// Its name: 1 to 40 of a-z, 0-9 and dashes, the same for all versions.
    fn name(&self) -> &'static str;

    /// Its version, from 1. Another reaction to the same history is another version: instances that run finish on
    /// theirs.
    fn version(&self) -> u32;

    /// The topics that it follows, without their prefix. Its timers and what people decide about it come besides.
    fn topics(&self) -> &'static [&'static str];

    /// Whom an event concerns, and whether it may begin a saga.
    ///
    /// # Errors
    /// It should be able to say, but cannot.
    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal>;

    /// Reacts to an input: changes the state, and decides.
    ///
    /// # Errors
    /// It cannot react to this: the instance is parked with its state as it was.
    fn react(&self, state: &mut Self::State, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal>;

    /// What an instance in this state waits for; see [`Wait`]. Nothing: only timers reach it, the rest is kept.
    fn waits_for(&self, state: &Self::State) -> Vec<Wait>;

    /// What it allows itself; see [`Limits`].
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Makes the state of an older version one of this version, for instances that a person moves. Pure.
    ///
    /// # Errors
    /// Such an instance cannot be moved here, which is the default.
    fn migrate(&self, from: u32, state: Value) -> Result<Self::State, Refusal> {
        let _ = (from, state);
        Err(Refusal::new("no_way_from_that_version"))
    }
}

/// What is there after a reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reacted {
    /// The state, as JSON in one form only.
    pub(crate) state: String,
    pub(crate) waits: Vec<Wait>,
}

/// An agent without the type of its state. What panics in it is a refusal.
pub(crate) trait AnyAgent: Send + Sync {
    fn topics(&self) -> &'static [&'static str];
    fn limits(&self) -> Limits;
    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal>;
    /// Without a state: the first reaction.
    fn react(&self, state: Option<&str>, input: &Input<'_>, turn: &mut Turn) -> Result<Reacted, Refusal>;
    fn migrate(&self, from: u32, state: &str) -> Result<Reacted, Refusal>;
}

pub(crate) fn erased<A: Agent>(agent: A) -> Arc<dyn AnyAgent> {
    Arc::new(Erased(agent))
}

struct Erased<A>(A);

impl<A: Agent> Erased<A> {
    fn reacted(&self, state: &A::State) -> Result<Reacted, Refusal> {
        let waits = self.0.waits_for(state);
        let state = canonical::text_of(state)?;
        if state.len() > MAX_STATE_BYTES {
            return Err(Refusal::new("state_too_large"));
        }
        Ok(Reacted { state, waits })
    }
}

impl<A: Agent> AnyAgent for Erased<A> {
    fn topics(&self) -> &'static [&'static str] {
        self.0.topics()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        unpanicked("panic_in_route", || self.0.route(event))
    }

    fn react(&self, state: Option<&str>, input: &Input<'_>, turn: &mut Turn) -> Result<Reacted, Refusal> {
        unpanicked("panic_in_reaction", || {
            let mut state = match state {
                Some(text) => serde_json::from_str(text).map_err(|_| Refusal::new("unreadable_state"))?,
                None => A::State::default(),
            };
            self.0.react(&mut state, input, turn)?;
            turn.flaw.map_or(Ok(()), Err)?;
            self.reacted(&state)
        })
    }

    fn migrate(&self, from: u32, state: &str) -> Result<Reacted, Refusal> {
        unpanicked("panic_in_migration", || {
            let state = serde_json::from_str(state).map_err(|_| Refusal::new("unreadable_state"))?;
            self.reacted(&self.0.migrate(from, state)?)
        })
    }
}

/// What a panic leaves half changed is dropped with the attempt: state is made anew from its text each time.
fn unpanicked<T>(code: &'static str, act: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or(Err(Refusal::of(RefusalClass::Panicked, code)))
}
