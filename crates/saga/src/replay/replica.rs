//! A saga that takes the inputs of its history again. Pure.

use brainops_event::types::saga::{SagaRefusal, SagaTimerFired};
use brainops_event::{Recorded, Timestamp};

use super::history::{Taken, Transaction};
use crate::cast::Cast;
use crate::decide::fired_event;
use crate::instance::Instance;
use crate::kept::Kept;
use crate::own::is_own;
use crate::refusal::Refusal;
use crate::sitting::{How, Sat, Sitting};

/// Takes a transaction again, as the code is now; with the input that was read just now, if one was.
pub(crate) fn take_again(
    cast: &Cast,
    instance: Option<Instance>,
    transaction: &Transaction,
    now: Option<&Recorded<'_>>,
) -> Result<Sat, Refusal> {
    let correlation = transaction.reacted.correlation.as_str();
    let recorded_version = transaction.reacted.version.unsigned_abs();
    let mut sitting = Sitting::new(cast, correlation, instance).again(recorded_version);
    // What refused these was not the agent's code: no version would have been asked.
    let by_runtime = refusals(transaction).filter(|(_, refusal)| refusal.is_by_runtime());
    sitting.refuse_at(by_runtime);
    for input in transaction.inputs(now) {
        if sitting.version().is_some_and(|version| version != recorded_version) {
            fire_until(cast, &mut sitting, input)?;
        }
        give(cast, &mut sitting, input)?;
    }
    Ok(sitting.finish_untold())
}

/// Takes a transaction again as it was: parked where it was parked, whatever the code says now.
pub(crate) fn follow(
    cast: &Cast,
    instance: Option<Instance>,
    transaction: &Transaction,
) -> Result<Sat, Refusal> {
    let reacted = &transaction.reacted;
    let mut sitting =
        Sitting::new(cast, &reacted.correlation, instance).again(reacted.version.unsigned_abs());
    sitting.refuse_at(refusals(transaction));
    for input in transaction.inputs(None) {
        give(cast, &mut sitting, input)?;
    }
    sitting.finish()
}

/// Where reactions were refused in this transaction, and why.
fn refusals(transaction: &Transaction) -> impl Iterator<Item = (String, Refusal)> {
    let recorded = |one: &SagaRefusal| Refusal::recorded(&one.reason_class, &one.code);
    transaction.parked.iter().map(move |one| (one.input.clone(), recorded(one)))
}

fn give(cast: &Cast, sitting: &mut Sitting<'_>, input: Taken<'_>) -> Result<(), Refusal> {
    input.with(|event| {
        if is_own(event) {
            return sitting.take(event, How::Own).map(|_| ());
        }
        let routed = cast.route(event)?;
        match routed.get(sitting.correlation()) {
            Some(deliveries) => sitting.take(event, How::Routed(deliveries)).map(|_| ()),
            None => Ok(()), // this version is not concerned
        }
    })?
}

/// Fires the timers that would have fired before this input and are not those of history.
fn fire_until(cast: &Cast, sitting: &mut Sitting<'_>, input: Taken<'_>) -> Result<(), Refusal> {
    let now: Timestamp = input.recorded_at();
    for _ in 0..MAX_TIMERS {
        let Some(instance) = sitting.instance().filter(|instance| !instance.is_held()) else { return Ok(()) };
        let due = instance.book.timers.iter().filter(|(_, open)| open.deadline <= now);
        let Some((name, open)) = due.min_by_key(|(_, open)| open.deadline) else { return Ok(()) };
        let fired = SagaTimerFired {
            agent: cast.name().to_owned(),
            correlation: instance.correlation.clone(),
            run: instance.run,
            timer: name.clone(),
            setting: open.setting.to_string(),
            deadline: open.deadline,
        };
        let flow = Some(instance.book.correlation_id.as_str());
        let event =
            fired_event(&fired, flow, open.deadline).map_err(|_| Refusal::new("unencodable_decision"))?;
        Kept::made_up(&event, &input.kept()?).with(|event| sitting.take(event, How::Own))??;
    }
    Ok(())
}

/// How many timers fire between two inputs at most: one that sets itself to no time at all would fire for ever.
const MAX_TIMERS: usize = 1_000;
