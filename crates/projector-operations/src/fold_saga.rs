//! The fold of what sagas say about themselves, and of what people decide about them and about their agents.
//!
//! Where a saga stands is what its last `saga.reacted` says. The other events add what that one does not say; each
//! stands before the one of its transaction, and all have one subject, so one partition has them in order.

use brainops_event::types::saga::{
    AgentsStarted, AgentsStopped, SagaCancelled, SagaEnded, SagaParked, SagaPaused, SagaReacted, SagaResumed,
    SagaStarted,
};
use brainops_event::{Recorded, TypedEvent};
use brainops_projection::{Changed, FoldError};

use crate::agent_switch::AgentSwitchRow;
use crate::fold::subject_of;
use crate::model::OperationTables;
use crate::saga::{EARLY, ENDED, SagaKey, SagaRow};

/// What an event of the topic `saga` tells that a row has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SagaFact {
    Started,
    Reacted,
    Parked,
    Paused,
    Resumed,
    Cancelled,
    Ended,
}

impl SagaFact {
    /// The fact that an event of this type reports; none when it is no business of ours.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        match event_type {
            SagaStarted::EVENT_TYPE => Some(Self::Started),
            SagaReacted::EVENT_TYPE => Some(Self::Reacted),
            SagaParked::EVENT_TYPE => Some(Self::Parked),
            SagaPaused::EVENT_TYPE => Some(Self::Paused),
            SagaResumed::EVENT_TYPE => Some(Self::Resumed),
            SagaCancelled::EVENT_TYPE => Some(Self::Cancelled),
            SagaEnded::EVENT_TYPE => Some(Self::Ended),
            _ => None,
        }
    }
}

/// Whether an event of this type stops or starts agents; none when it does neither.
pub(crate) fn switches(event_type: &str) -> Option<bool> {
    match event_type {
        AgentsStopped::EVENT_TYPE => Some(true),
        AgentsStarted::EVENT_TYPE => Some(false),
        _ => None,
    }
}

/// The row of an event about a saga: its subject is the agent, which has no slash in its name, and the correlation.
fn key_of(event: &Recorded<'_>) -> Result<SagaKey, FoldError> {
    let subject = subject_of(event)?;
    let (agent, correlation) = subject
        .split_once('/')
        .ok_or_else(|| FoldError::refused("its subject is no agent and correlation"))?;
    Ok((agent.to_owned(), correlation.to_owned()))
}

/// Names the row of an event about a saga.
pub(crate) fn want(event: &Recorded<'_>, tables: &mut OperationTables) -> Result<(), FoldError> {
    tables.saga.want(key_of(event)?)
}

/// Folds an event about a saga.
pub(crate) fn fold(
    event: &Recorded<'_>,
    fact: SagaFact,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let (key, at, changed) = (key_of(event)?, event.happened_at(), Changed::by(event));
    let known = tables.saga.get(&key)?.cloned();
    let row = match fact {
        SagaFact::Started => {
            let said = about(event, &key, |said: &SagaStarted| (&said.agent, &said.correlation))?;
            let is_known =
                |known: &SagaRow| known.run > said.run || known.run == said.run && known.started_at.is_some();
            if known.as_ref().is_some_and(is_known) {
                return Ok(()); // told again
            }
            SagaRow::started(known, at, said, changed)
        }
        SagaFact::Reacted => {
            let said = about(event, &key, |said: &SagaReacted| (&said.agent, &said.correlation))?;
            if known.as_ref().is_some_and(|known| known.revision >= said.revision) {
                return Ok(()); // told again
            }
            SagaRow::reacted(known, at, said, changed)
        }
        other => {
            // A decision about a saga that is not there is void; what a saga says of itself comes after its beginning, and
            // how it ended after the transaction in which it did.
            let ends = matches!(other, SagaFact::Ended);
            let is_there = |known: &SagaRow| known.status != EARLY && (ends || known.status != ENDED);
            let Some(mut row) = known.filter(is_there) else { return Ok(()) };
            add(event, &key, other, &mut row)?;
            SagaRow { changed, ..row }
        }
    };
    tables.saga.put(row)
}

/// Adds what `saga.reacted` does not say.
fn add(event: &Recorded<'_>, key: &SagaKey, fact: SagaFact, row: &mut SagaRow) -> Result<(), FoldError> {
    match fact {
        SagaFact::Started | SagaFact::Reacted => {}
        SagaFact::Parked => {
            row.parked(about(event, key, |said: &SagaParked| (&said.agent, &said.correlation))?);
        }
        SagaFact::Ended => row.ended(about(event, key, |said: &SagaEnded| (&said.agent, &said.correlation))?),
        SagaFact::Paused => {
            let said = about(event, key, |said: &SagaPaused| (&said.agent, &said.correlation))?;
            row.paused_by = Some(said.decided_by);
        }
        SagaFact::Resumed => {
            about(event, key, |said: &SagaResumed| (&said.agent, &said.correlation))?;
            row.paused_by = None;
        }
        SagaFact::Cancelled => {
            about(event, key, |said: &SagaCancelled| (&said.agent, &said.correlation))?;
            row.paused_by = None;
        }
    }
    Ok(())
}

/// Names the row of an event that stops or starts agents.
pub(crate) fn want_switch(event: &Recorded<'_>, tables: &mut OperationTables) -> Result<(), FoldError> {
    tables.agent_switch.want(subject_of(event)?)
}

/// Folds an event that stops or starts agents: the one with the highest number counts.
pub(crate) fn fold_switch(
    event: &Recorded<'_>,
    stops: bool,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let (agent, number, decided_by, reason) = if stops {
        let said: AgentsStopped = event.typed()?;
        (said.agent, said.number, said.decided_by, said.reason)
    } else {
        let said: AgentsStarted = event.typed()?;
        (said.agent, said.number, said.decided_by, said.reason)
    };
    if event.envelope.subject() != Some(agent.as_str()) {
        return Err(FoldError::refused("its agent is not its subject"));
    }
    if tables.agent_switch.get(&agent)?.is_some_and(|known| known.number >= number) {
        return Ok(());
    }
    let (decided_at, changed) = (event.happened_at(), Changed::by(event));
    let row = AgentSwitchRow { agent, is_stopped: stops, number, decided_by, reason, decided_at, changed };
    tables.agent_switch.put(row)
}

/// What the event says, if it is about its own subject: a row has that one writer.
fn about<T: TypedEvent>(
    event: &Recorded<'_>,
    (agent, correlation): &SagaKey,
    names: fn(&T) -> (&String, &String),
) -> Result<T, FoldError> {
    let said: T = event.typed()?;
    if names(&said) == (agent, correlation) {
        return Ok(said);
    }
    Err(FoldError::refused("its agent and correlation are not its subject"))
}
