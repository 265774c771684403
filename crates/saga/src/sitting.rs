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

use std::collections::BTreeMap;

use brainops_event::types::saga::{SagaDecision, SagaParked, SagaReacted, SagaStarted};
use brainops_event::{Envelope, EventType, Outgoing, Subject, derived_id};
use brainops_event::{Position, Recorded, TypedEvent as _};

use crate::canonical;
use crate::cast::{Cast, Deliveries};
use crate::draft::Draft;
use crate::input::Input;
use crate::instance::{Book, Instance, ParkedAt, Phase};
use crate::kept::Kept;
use crate::own::{Own, is_own};
use crate::pen::{Author, Pen, Written, source_of};
use crate::refusal::{Refusal, RefusalClass};
use crate::route::Delivery;
use crate::turn::Turn;

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
    /// Reactions that are refused because they were, by the positions of their inputs.
    refused: BTreeMap<String, Refusal>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Sat {
    /// The instance; none if nothing ever concerned it.
    pub(crate) instance: Option<Instance>,
    pub(crate) written: Vec<Written>,
    /// Positions of the inputs that were its own, in order; nothing has changed if there are none.
    pub(crate) consumed: Vec<Position>,
}

impl<'a> Sitting<'a> {
    pub(crate) const fn new(cast: &'a Cast, correlation: &'a str, instance: Option<Instance>) -> Self {
        Self {
            cast,
            correlation,
            instance,
            written: Vec::new(),
            consumed: Vec::new(),
            refusal: None,
            refused: BTreeMap::new(),
        }
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

    /// Refuses reactions as they were refused: each once, at the input of this position.
    pub(crate) fn refuse_at(&mut self, refused: BTreeMap<String, Refusal>) {
        self.refused = refused;
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

    /// Ends the transaction: its revision, and the event that says what was taken in which order.
    pub(crate) fn finish(mut self) -> Result<Sat, Refusal> {
        if let (Some(instance), false) = (&mut self.instance, self.consumed.is_empty()) {
            instance.revision += 1;
            let reacted = reacted(self.cast.name(), instance, &self.consumed, &self.written)?;
            self.written.push(Written { event: reacted, is_fact: true });
        }
        Ok(Sat { instance: self.instance, written: self.written, consumed: self.consumed })
    }

    fn take_routed(&mut self, event: &Recorded<'_>, deliveries: &Deliveries) -> Result<bool, Refusal> {
        let by_newest = deliveries.get(&self.cast.newest()).copied();
        let phase = self.instance.as_ref().map(|instance| (instance.phase, instance.version));
        match (phase, by_newest) {
            (None | Some((Phase::Early, _)), Some(Delivery::Begins | Delivery::BeginsAgain))
            | (Some((Phase::Ended, _)), Some(Delivery::BeginsAgain)) => self.begin(event)?,
            (None | Some((Phase::Early, _)), Some(Delivery::Kept)) => {
                let kept = Kept::of(event)?;
                let (newest, now) = (self.cast.newest(), event.recorded_at);
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
        let version = self.cast.newest();
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

    fn act_or_park(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
        match self.act_on(event) {
            Ok(()) => self.drain(event),
            Err(refusal) => {
                if let (Some(instance), false) = (&mut self.instance, is_undo_failure(refusal)) {
                    instance.keep(Kept::of(event)?);
                }
                self.park(event, event, refusal)
            }
        }
    }

    /// Takes what is kept and waited for, in order.
    fn drain(&mut self, trigger: &Recorded<'_>) -> Result<(), Refusal> {
        while let Some(place) = self.instance.as_ref().and_then(next_acceptable) {
            let Some(instance) = &mut self.instance else { return Ok(()) };
            let (number, kept) = instance.mailbox.remove(place);
            let acted = kept.with(|event| self.act_on(event)).and_then(|acted| acted);
            let Err(refusal) = acted else { continue };
            let parked = kept.with(|event| self.park(trigger, event, refusal))?;
            if let (Some(instance), false) = (&mut self.instance, is_undo_failure(refusal)) {
                instance.mailbox.insert(place, (number, kept));
            }
            return parked;
        }
        Ok(())
    }

    /// Acts on an input that was waited for. When it refuses, nothing has changed.
    fn act_on(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
        self.refusal.map_or(Ok(()), Err)?;
        if !self.refused.is_empty()
            && let Some(refusal) = self.refused.remove(&event.position().to_string())
        {
            return Err(refusal);
        }
        let Some(instance) = &self.instance else { return Ok(()) };
        let own = if is_own(event) { Own::of(event)? } else { None };
        let timer = match &own {
            None => None,
            Some(Own::Fired { timer, setting }) => {
                let open = instance.book.timers.get(timer);
                if open.is_none_or(|open| open.setting.as_str() != setting) {
                    return Ok(()); // cancelled or set anew while it was on its way
                }
                Some(timer.as_str())
            }
            Some(_) => return Ok(()), // decisions are never kept
        };
        if instance.phase == Phase::Compensating {
            let pen = Pen::new(author(self.cast, instance), event)?;
            return self.change(pen, |draft| draft.answered(event.envelope.event_type()));
        }
        self.react(event, timer)
    }

    fn react(&mut self, event: &Recorded<'_>, timer: Option<&str>) -> Result<(), Refusal> {
        let Some(instance) = &self.instance else { return Ok(()) };
        let unknown = Refusal::of(RefusalClass::UnknownVersion, "unknown_version");
        let agent = self.cast.version(instance.version).ok_or(unknown)?;
        let pen = Pen::new(author(self.cast, instance), event)?;
        let mut book = Book { beginning: None, ..instance.book.clone() };
        let input = match timer {
            None => Input::event_of(event),
            Some(name) => {
                book.timers.remove(name);
                Input::timer_of(event, name)
            }
        };
        let timers = book.timers.iter().map(|(name, open)| (name.clone(), open.setting.clone())).collect();
        let mut turn = Turn::new(pen, timers);
        let state = Some(instance.state.as_str()).filter(|state| *state != "null");
        let reacted = agent.react(state, &input, &mut turn)?;
        let mut draft = Draft::new(turn.pen, book, instance.phase, instance.mailbox.len());
        draft.renew_waits(reacted.waits);
        draft.apply(turn.acts)?;
        self.take_draft(draft, Some(reacted.state));
        Ok(())
    }

    /// Changes the book by a draft, or not at all.
    fn change(
        &mut self,
        pen: Pen,
        make: impl FnOnce(&mut Draft) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Some(instance) = &self.instance else { return Ok(()) };
        let mut draft = Draft::new(pen, instance.book.clone(), instance.phase, instance.mailbox.len());
        let made = make(&mut draft);
        if made.is_ok() {
            self.take_draft(draft, None);
        }
        made
    }

    fn take_draft(&mut self, draft: Draft, state: Option<String>) {
        let Some(instance) = &mut self.instance else { return };
        let (pen, book, phase) = draft.into_parts();
        (instance.book, instance.phase) = (book, phase);
        if let Some(state) = state {
            instance.state = state;
        }
        if phase == Phase::Ended {
            instance.mailbox.clear();
        }
        self.written.extend(pen.into_written());
    }

    fn park(
        &mut self,
        trigger: &Recorded<'_>,
        input: &Recorded<'_>,
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let position = input.position().to_string();
        instance.book.parked = Some(ParkedAt {
            input: position.clone(),
            class: refusal.class().as_str().to_owned(),
            code: refusal.code().to_owned(),
            since: trigger.recorded_at,
        });
        let mut pen = Pen::new(author(self.cast, instance), trigger)?;
        let Author { agent, correlation, run, .. } = pen.author().clone();
        pen.fact(&SagaParked {
            agent,
            correlation,
            run,
            version: i32::try_from(instance.version).unwrap_or(i32::MAX),
            input: position,
            event_source: input.envelope.source().to_owned(),
            event_id: input.envelope.id().to_owned(),
            reason_class: refusal.class().as_str().to_owned(),
            code: Some(refusal.code().to_owned()),
        })?;
        self.written.extend(pen.into_written());
        Ok(())
    }

    /// An input from the topic `saga`.
    fn take_own(&mut self, event: &Recorded<'_>) -> Result<bool, Refusal> {
        let Some(own) = Own::of(event)? else { return Ok(false) };
        let Some(instance) = &mut self.instance else { return Ok(false) };
        if !matches!(instance.phase, Phase::Running | Phase::Compensating) {
            return Ok(false);
        }
        match own {
            Own::Fired { .. } => self.offer(event)?,
            Own::Paused => instance.book.paused = true,
            Own::Resumed => {
                instance.book.paused = false;
                self.drain(event)?;
            }
            Own::Retried { input, skip } => self.retry(event, &input, skip)?,
            Own::Cancelled => self.cancel(event)?,
            Own::Moved { from, to } => self.go_over(event, from, to)?,
        }
        Ok(true)
    }

    /// Goes on with the input at which it is parked, or without it. Void when it stands elsewhere by now.
    fn retry(&mut self, event: &Recorded<'_>, input: &str, skip: bool) -> Result<(), Refusal> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let Some(parked) = instance.book.parked.take_if(|parked| parked.input == input) else {
            return Ok(());
        };
        if parked.class == RefusalClass::UndoFailed.as_str() {
            let pen = Pen::new(author(self.cast, instance), event)?;
            self.change(pen, |draft| draft.undo_again(skip))?;
        } else if skip {
            instance.mailbox.retain(|(_, kept)| kept.position().to_string() != input);
            if instance.book.beginning.take().is_some() {
                let pen = Pen::new(author(self.cast, instance), event)?;
                return self.change(pen, |draft| draft.end("not_begun"));
            }
        }
        self.drain(event)
    }

    /// Undoes what was done, and ends.
    fn cancel(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        if instance.phase == Phase::Compensating {
            return Ok(());
        }
        instance.book.paused = false;
        instance.book.parked = None;
        let pen = Pen::new(author(self.cast, instance), event)?;
        self.change(pen, |draft| draft.compensate("cancelled"))?;
        self.drain(event)
    }

    /// Goes over to another version. Void when it is on another one by now, or when there is no way there.
    fn go_over(&mut self, event: &Recorded<'_>, from: u32, to: u32) -> Result<(), Refusal> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let Some(agent) = self.cast.version(to).filter(|_| instance.version == from && from != to) else {
            return Ok(());
        };
        let Ok(reacted) = agent.migrate(from, &instance.state) else { return Ok(()) };
        (instance.version, instance.state) = (to, reacted.state);
        instance.book.waits = crate::wait::renewed(&instance.book.waits, event.recorded_at, reacted.waits);
        if instance
            .book
            .parked
            .as_ref()
            .is_some_and(|parked| parked.class == RefusalClass::UnknownVersion.as_str())
        {
            instance.book.parked = None;
        }
        self.drain(event)
    }
}

fn author(cast: &Cast, instance: &Instance) -> Author {
    Author {
        agent: cast.name().to_owned(),
        correlation: instance.correlation.clone(),
        run: instance.run,
        correlation_id: instance.book.correlation_id.clone(),
    }
}

fn is_undo_failure(refusal: Refusal) -> bool {
    refusal.class() == RefusalClass::UndoFailed
}

/// Whether a saga that nobody holds would act on such an input now, rather than keep it.
fn is_acceptable(instance: &Instance, event_type: &str, own: bool) -> bool {
    own || instance.phase == Phase::Compensating
        || instance.book.waits.iter().any(|open| open.wait.takes(event_type))
}

/// The place in the mailbox of the next input to act on.
fn next_acceptable(instance: &Instance) -> Option<usize> {
    if instance.is_held() || !matches!(instance.phase, Phase::Running | Phase::Compensating) {
        return None;
    }
    // One whose first reaction was refused waits for nothing yet: what is to begin it comes first.
    if let Some(beginning) = instance.book.beginning {
        return instance.mailbox.iter().position(|(number, _)| *number == beginning);
    }
    instance.mailbox.iter().position(|(_, kept)| is_acceptable(instance, kept.event_type(), kept.is_own()))
}

/// The event that says what was taken, and what the instance is now.
fn reacted(
    agent: &str,
    instance: &Instance,
    consumed: &[Position],
    written: &[Written],
) -> Result<Outgoing, Refusal> {
    let source = source_of(agent)?;
    let subject = format!("{agent}/{}", instance.correlation);
    let revision = instance.revision.to_string();
    let id = derived_id(&source, &[&instance.correlation, "reacted", &revision]);
    let event_type = EventType::new(SagaReacted::EVENT_TYPE)?;
    let envelope = Envelope::new(id, source, event_type, Subject::new(subject.as_str())?);
    let correlation_id = Some(&instance.book.correlation_id).filter(|id| !id.is_empty());
    let envelope =
        envelope.with_time(instance.last_input_at).with_correlation_id(correlation_id.unwrap_or(&subject))?;
    let decisions = written.iter().filter(|written| !written.is_fact).map(|written| SagaDecision {
        id: written.event.envelope.id().to_string(),
        event_type: written.event.envelope.event_type().to_string(),
        digest: digest_of(&written.event),
    });
    let data = SagaReacted {
        agent: agent.to_owned(),
        correlation: instance.correlation.clone(),
        run: instance.run,
        version: i32::try_from(instance.version).unwrap_or(i32::MAX),
        revision: instance.revision,
        consumed: consumed.iter().map(ToString::to_string).collect(),
        status: instance.status().to_owned(),
        state_digest: instance.digest()?,
        decisions: decisions.collect(),
    };
    Ok(Outgoing::typed(envelope, &data)?)
}

/// What tells two decisions of one id apart.
pub(crate) fn digest_of(event: &Outgoing) -> String {
    let envelope = &event.envelope;
    let parts = [envelope.event_type().as_str().as_bytes(), event.key().as_bytes(), &event.datum];
    hex::encode(&canonical::digest(parts)[..16])
}
