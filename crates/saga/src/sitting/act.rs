//! Acting on an input, or not: reactions, undo, parking. What fails has changed nothing.

use brainops_event::types::saga::{SagaLoopCut, SagaParked, SagaRefusal};
use brainops_event::{CausePath, Recorded};
use brainops_fault::{Bug, planted};

use super::Sitting;
use crate::cast::Cast;
use crate::draft::Draft;
use crate::input::Input;
use crate::instance::{Book, Instance, ParkedAt, Phase};
use crate::kept::Kept;
use crate::own::{Own, is_own};
use crate::pen::{Author, Pen};
use crate::purse::Price;
use crate::refusal::{Refusal, RefusalClass};
use crate::turn::Turn;

impl Sitting<'_> {
    pub(super) fn act_or_park(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
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
    pub(super) fn drain(&mut self, trigger: &Recorded<'_>) -> Result<(), Refusal> {
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
    pub(super) fn act_on(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
        self.refusal.map_or(Ok(()), Err)?;
        if !self.refused.is_empty()
            && let Some(refusals) = self.refused.get_mut(&event.position().to_string())
            && let Some(refusal) = refusals.pop_front()
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

    pub(super) fn react(&mut self, event: &Recorded<'_>, timer: Option<&str>) -> Result<(), Refusal> {
        let Some(instance) = &self.instance else { return Ok(()) };
        let unknown = Refusal::of(RefusalClass::UnknownVersion, "unknown_version");
        let agent = self.cast.version(instance.version).ok_or(unknown)?;
        let mut pen = Pen::new(author(self.cast, instance), event)?;
        let pass = self.pass.as_ref().filter(|pass| pass.input == event.position().to_string());
        let begins_chain = pass.is_some_and(|pass| pass.begins_chain);
        if begins_chain {
            pen.begin_chain(); // with the person who lets it pass
        }
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
        let is_bounded = !self.is_replay && !begins_chain && !planted(Bug::LoopsAllowed);
        if turn.pen.has_decided() && is_bounded {
            let saga = turn.pen.author().subject();
            self.cast.limits_of(agent).check_chain(&CausePath::of(&event.envelope), &saga)?;
        }
        let price = Price::of(turn.pen.written());
        let mut draft = Draft::new(turn.pen, book, instance.phase, instance.mailbox.len());
        draft.renew_waits(reacted.waits);
        draft.apply(turn.acts)?;
        match pass {
            Some(_) => self.purse.charge(price),
            None => self.purse.pay(price)?, // what is refused otherwise has cost nothing
        }
        self.take_draft(draft, Some(reacted.state));
        Ok(())
    }

    /// Changes the book by a draft, or not at all.
    pub(super) fn change(
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

    pub(super) fn take_draft(&mut self, draft: Draft, state: Option<String>) {
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

    pub(super) fn park(
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
        self.parked.push(SagaRefusal {
            input: position.clone(),
            reason_class: refusal.class().as_str().to_owned(),
            code: refusal.code().to_owned(),
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
            revision: Some(instance.revision + 1), // what it will be when the transaction ends
        })?;
        if refusal.class() == RefusalClass::Looping {
            pen.fact(&loop_cut(pen.author().clone(), input, refusal))?;
        }
        self.written.extend(pen.into_written());
        Ok(())
    }
}

/// Says which sagas woke each other.
fn loop_cut(author: Author, input: &Recorded<'_>, refusal: Refusal) -> SagaLoopCut {
    let (path, saga) = (CausePath::of(&input.envelope), author.subject());
    SagaLoopCut {
        input: input.position().to_string(),
        event_source: input.envelope.source().to_owned(),
        event_id: input.envelope.id().to_owned(),
        code: refusal.code().to_owned(),
        hops: i64::from(path.hops()) + 1,
        rounds: i64::from(path.times(&saga)),
        cycle: path.cycle(&saga),
        agent: author.agent,
        correlation: author.correlation,
        run: author.run,
    }
}

pub(super) fn author(cast: &Cast, instance: &Instance) -> Author {
    Author {
        agent: cast.name().to_owned(),
        correlation: instance.correlation.clone(),
        run: instance.run,
        correlation_id: instance.book.correlation_id.clone(),
    }
}

pub(super) fn is_undo_failure(refusal: Refusal) -> bool {
    refusal.class() == RefusalClass::UndoFailed
}

/// Whether a saga that nobody holds would act on such an input now, rather than keep it.
pub(super) fn is_acceptable(instance: &Instance, event_type: &str, own: bool) -> bool {
    own || instance.phase == Phase::Compensating
        || instance.book.waits.iter().any(|open| open.wait.takes(event_type))
}

/// The place in the mailbox of the next input to act on.
pub(super) fn next_acceptable(instance: &Instance) -> Option<usize> {
    if instance.is_held() || !matches!(instance.phase, Phase::Running | Phase::Compensating) {
        return None;
    }
    // One whose first reaction was refused waits for nothing yet: what is to begin it comes first.
    if let Some(beginning) = instance.book.beginning {
        return instance.mailbox.iter().position(|(number, _)| *number == beginning);
    }
    instance.mailbox.iter().position(|(_, kept)| is_acceptable(instance, kept.event_type(), kept.is_own()))
}
