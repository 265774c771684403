//! What people decide about a saga, and its own timers.

use brainops_event::Recorded;

use super::act::author;
use super::{Pass, Sitting};
use crate::instance::Phase;
use crate::own::Own;
use crate::pen::Pen;
use crate::refusal::{Refusal, RefusalClass};

impl Sitting<'_> {
    /// An input from the topic `saga`.
    pub(super) fn take_own(&mut self, event: &Recorded<'_>) -> Result<bool, Refusal> {
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
            Own::Retried { input, skip, by_clock } => self.retry(event, &input, skip, by_clock)?,
            Own::Cancelled => self.cancel(event)?,
            Own::Moved { from, to } => self.go_over(event, from, to)?,
        }
        Ok(true)
    }

    /// Goes on with the input at which it is parked, or without it. Void when it stands elsewhere by now.
    ///
    /// A person's word lets that input pass beyond the budget, and, unless the saga stood for the budget alone, beyond
    /// the bounds of its chain of causes too. The clock lets pass nothing: it only has it tried again.
    pub(super) fn retry(
        &mut self,
        event: &Recorded<'_>,
        input: &str,
        skip: bool,
        by_clock: bool,
    ) -> Result<(), Refusal> {
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
        let begins_chain = parked.class != RefusalClass::OverBudget.as_str();
        self.pass = (!by_clock).then(|| Pass { input: input.to_owned(), begins_chain });
        let drained = self.drain(event);
        self.pass = None;
        drained
    }

    /// Undoes what was done, and ends.
    pub(super) fn cancel(&mut self, event: &Recorded<'_>) -> Result<(), Refusal> {
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
    pub(super) fn go_over(&mut self, event: &Recorded<'_>, from: u32, to: u32) -> Result<(), Refusal> {
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
