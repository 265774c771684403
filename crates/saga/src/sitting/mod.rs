//! An instance takes inputs: the pure heart, which the runtime, replay and tests share.
//!
//! **The mailbox.** Inputs that cannot be reacted to now are kept in order: all of them while a person has paused the
//! saga or it is parked, and those that the agent does not wait for yet. After each reaction, and whenever somebody lets
//! the saga go on, the first kept input that is waited for is taken, until there is none.
//!
//! | the saga | an event of its correlation | its timer | a person's decision |
//! |---|---|---|---|
//! | is not there, has ended | begins one, is kept for one, or is nobody's | nobody's | nobody's |
//! | runs | waited for: reacted to; else kept | set still: reacted to; else nothing | at once |
//! | undoes its steps | the answer of the undo: next undo; else nothing | nothing | at once |
//! | is paused or parked | kept | kept | at once |
//!
//! A reaction that refuses or panics leaves the instance as it was and its input at its place in the mailbox.

mod act;
mod people;
mod told;

use std::collections::{BTreeMap, VecDeque};

use brainops_event::types::saga::{SagaRefusal, SagaStarted};
use brainops_event::{Position, Recorded};

use self::act::{author, is_acceptable};
use self::told::reacted;
use crate::cast::{Cast, Deliveries};
use crate::instance::{Book, Instance, Phase};
use crate::kept::Kept;
use crate::own::is_own;
use crate::pen::{Author, Pen, Written};
use crate::purse::Purse;
use crate::refusal::{Refusal, RefusalClass};
use crate::route::Delivery;

pub(crate) use self::told::{digest_of, gates_of};

/// How many inputs that it does not wait for a running saga keeps.
const MAX_KEPT: usize = 1_000;

/// How an event reaches the instance.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How<'a> {
    /// From the topic `saga`, addressed to it.
    Own,
    /// Routed by the versions of its agent.
    Routed(&'a Deliveries),
}

/// What one instance makes of inputs, one after the other.
#[derive(Debug)]
pub(crate) struct Sitting<'a> {
    cast: &'a Cast,
    correlation: &'a str,
    instance: Option<Instance>,
    written: Vec<Written>,
    consumed: Vec<Position>,
    /// What every reaction is refused with, if anything.
    refusal: Option<Refusal>,
    /// What a person lets pass, whatever the agent allows itself.
    pass: Option<Pass>,
    /// What its agent may still spend.
    purse: Purse,
    /// Whether the log says what was refused, whatever its agent may by now.
    is_replay: bool,
    /// The version on which a saga begins.
    newest: u32,
    /// Where it was parked.
    parked: Vec<SagaRefusal>,
    /// Reactions that are refused because they were, by the positions of their inputs, each as often as it was.
    refused: BTreeMap<String, VecDeque<Refusal>>,
}

/// An input that a person lets pass.
#[derive(Debug)]
struct Pass {
    /// Its position.
    input: String,
    /// Whether a new chain of causes begins with that person.
    begins_chain: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Sat {
    /// The instance; none if nothing ever concerned it.
    pub(crate) instance: Option<Instance>,
    pub(crate) written: Vec<Written>,
    /// Positions of the inputs that were its own, in order; nothing has changed if there are none.
    pub(crate) consumed: Vec<Position>,
    /// What is left to be spent.
    pub(crate) purse: Purse,
}

impl<'a> Sitting<'a> {
    pub(crate) fn new(cast: &'a Cast, correlation: &'a str, instance: Option<Instance>) -> Self {
        Self {
            cast,
            correlation,
            instance,
            written: Vec::new(),
            consumed: Vec::new(),
            refusal: None,
            pass: None,
            purse: Purse::UNBOUNDED,
            is_replay: false,
            newest: cast.newest(),
            parked: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// With so much to spend.
    pub(crate) fn with(mut self, purse: Purse) -> Self {
        self.purse = purse;
        self
    }

    /// As it was: what its agent may is not asked, [`Sitting::refuse_at`] is told what was refused, and what begins, begins
    /// on the version on which it was after this transaction, if there is that one: nobody moves what has not begun.
    pub(crate) fn again(mut self, version: u32) -> Self {
        self.is_replay = true;
        if self.cast.version(version).is_some() {
            self.newest = version;
        }
        self
    }

    /// Takes an input; false if it is not for this instance.
    ///
    /// # Errors
    /// The event cannot be read at all, by no instance.
    pub(crate) fn take(&mut self, event: &Recorded<'_>, how: How<'_>) -> Result<bool, Refusal> {
        let taken = match how {
            How::Own => self.take_own(event)?,
            How::Routed(deliveries) => self.take_routed(event, deliveries)?,
        };
        if let (true, Some(instance)) = (taken, &mut self.instance) {
            instance.last_input_at = event.recorded_at;
            self.consumed.push(event.position());
        }
        Ok(taken)
    }

    /// As [`Sitting::take`]; with a refusal, the instance is parked at this input instead of reacting to it.
    pub(crate) fn take_or(
        &mut self,
        event: &Recorded<'_>,
        how: How<'_>,
        refusal: Option<Refusal>,
    ) -> Result<bool, Refusal> {
        self.refusal = refusal;
        let taken = self.take(event, how);
        self.refusal = None;
        taken
    }

    /// Refuses reactions as they were refused, at the input of this position, in this order.
    pub(crate) fn refuse_at(&mut self, refused: impl IntoIterator<Item = (String, Refusal)>) {
        for (input, refusal) in refused {
            self.refused.entry(input).or_default().push_back(refusal);
        }
    }

    pub(crate) const fn correlation(&self) -> &'a str {
        self.correlation
    }

    pub(crate) const fn instance(&self) -> Option<&Instance> {
        self.instance.as_ref()
    }

    pub(crate) fn version(&self) -> Option<u32> {
        self.instance.as_ref().map(|instance| instance.version)
    }

    pub(crate) fn written(&self) -> &[Written] {
        &self.written
    }

    pub(crate) fn consumed(&self) -> &[Position] {
        &self.consumed
    }

    /// Ends the transaction: its revision, and the event that says what was taken in which order. It comes first of what
    /// is written: nothing else may stand in the log without it, or a saga that a backup has forgotten could not be
    /// brought to where it was when it decided.
    pub(crate) fn finish(mut self) -> Result<Sat, Refusal> {
        if let (Some(instance), false) = (&mut self.instance, self.consumed.is_empty()) {
            instance.revision += 1;
            let parked = std::mem::take(&mut self.parked);
            let reacted = reacted(self.cast.name(), instance, &self.consumed, parked, &self.written)?;
            self.written.insert(0, Written { event: reacted, is_fact: true, cost: 0 });
        }
        Ok(Sat { instance: self.instance, written: self.written, consumed: self.consumed, purse: self.purse })
    }

    /// As [`Sitting::finish`] for a replay, in which nobody is told what was taken.
    pub(crate) fn finish_untold(mut self) -> Sat {
        if let (Some(instance), false) = (&mut self.instance, self.consumed.is_empty()) {
            instance.revision += 1;
        }
        Sat { instance: self.instance, written: self.written, consumed: self.consumed, purse: self.purse }
    }

    fn take_routed(&mut self, event: &Recorded<'_>, deliveries: &Deliveries) -> Result<bool, Refusal> {
        let by_newest = deliveries.get(&self.newest).copied();
        let phase = self.instance.as_ref().map(|instance| (instance.phase, instance.version));
        match (phase, by_newest) {
            (None | Some((Phase::Early, _)), Some(Delivery::Begins | Delivery::BeginsAgain))
            | (Some((Phase::Ended, _)), Some(Delivery::BeginsAgain)) => self.begin(event)?,
            (None | Some((Phase::Early, _)), Some(Delivery::Kept)) => {
                let kept = Kept::of(event)?;
                let (newest, now) = (self.newest, event.recorded_at);
                let fresh = || Instance::new(self.correlation, newest, now);
                self.instance.get_or_insert_with(fresh).keep(kept);
            }
            (None | Some((Phase::Early | Phase::Ended, _)), _) => return Ok(false),
            (Some((Phase::Running | Phase::Compensating, version)), _) => {
                let is_known = self.cast.version(version).is_some();
                if is_known && !deliveries.contains_key(&version) {
                    return Ok(false);
                }
                self.offer(event)?;
            }
        }
        Ok(true)
    }

    /// Begins a saga with this event.
    fn begin(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
        let version = self.newest;
        let mut instance = self
            .instance
            .take()
            .unwrap_or_else(|| Instance::new(self.correlation, version, event.recorded_at));
        if instance.phase == Phase::Ended {
            instance.run += 1;
            instance.book = Book { next_kept: instance.book.next_kept, ..Book::default() };
            "null".clone_into(&mut instance.state);
            instance.mailbox.clear();
        }
        (instance.version, instance.phase) = (version, Phase::Running);
        let own_name = format!("{}/{}", self.cast.name(), self.correlation);
        instance.book.correlation_id = event.envelope.correlation_id().map_or(own_name, str::to_owned);
        let mut pen = Pen::new(author(self.cast, &instance), event)?;
        let Author { agent, correlation, run, correlation_id } = author(self.cast, &instance);
        let version = i32::try_from(version).unwrap_or(i32::MAX); // the cast admits no larger one
        pen.fact(&SagaStarted { agent, correlation, run, version, correlation_id })?;
        self.written.extend(pen.into_written());
        instance.book.beginning = Some(instance.book.next_kept); // its number, should it have to be kept
        self.instance = Some(instance);
        self.act_or_park(event)
    }

    /// Reacts to an input, or keeps it.
    fn offer(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        if instance.is_held() {
            instance.keep(Kept::of(event)?);
            return Ok(());
        }
        if is_acceptable(instance, event.envelope.event_type(), is_own(event)) {
            return self.act_or_park(event);
        }
        instance.keep(Kept::of(event)?);
        if instance.mailbox.len() > MAX_KEPT {
            self.park(event, event, Refusal::of(RefusalClass::Overfull, "too_many_kept"))?;
        }
        Ok(())
    }
}
