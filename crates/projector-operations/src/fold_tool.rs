//! The fold of calls of tools: what was asked for, and what the gate says of it.
//!
//! All that is said of a call has its subject, so one partition has it in order. Only the gate's own word counts: what somebody
//! else says in its types changes nothing.

use brainops_event::types::tool::{
    CallAuthorized, CallCompleted, CallDenied, CallFailed, CallRequested, CallStarted, CallUnknown,
};
use brainops_event::{Recorded, TypedEvent};
use brainops_projection::{Changed, FoldError};
use serde::Deserialize;

use crate::fold::subject_of;
use crate::model::OperationTables;
use crate::tool_call::{ToolCallKey, ToolCallRow};

/// The source of what the gate says.
const GATE: &str = "brainops/tool";

/// What an event of the topic `tool` tells.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallFact {
    Requested,
    Authorized,
    Denied,
    Started,
    Completed,
    Failed,
    Unknown,
}

impl CallFact {
    /// The fact that an event of this type reports; none when it is no business of ours.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        match event_type {
            CallRequested::EVENT_TYPE => Some(Self::Requested),
            CallAuthorized::EVENT_TYPE => Some(Self::Authorized),
            CallDenied::EVENT_TYPE => Some(Self::Denied),
            CallStarted::EVENT_TYPE => Some(Self::Started),
            CallCompleted::EVENT_TYPE => Some(Self::Completed),
            CallFailed::EVENT_TYPE => Some(Self::Failed),
            CallUnknown::EVENT_TYPE => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// The names that an event about a call gives.
#[derive(Deserialize)]
struct About {
    call_source: String,
    call_id: String,
    call_subject: String,
}

/// The row of an event; none when it is not the gate's word.
fn key_of(event: &Recorded<'_>, fact: CallFact) -> Result<Option<ToolCallKey>, FoldError> {
    let (envelope, subject) = (&event.envelope, subject_of(event)?);
    if matches!(fact, CallFact::Requested) {
        return Ok(Some((subject, envelope.source().to_owned(), envelope.id().to_owned())));
    }
    if envelope.source() != GATE {
        return Ok(None);
    }
    let About { call_source, call_id, call_subject } = event.decode()?;
    if call_subject != subject {
        return Err(FoldError::refused("its call is about another subject"));
    }
    Ok(Some((subject, call_source, call_id)))
}

/// Names the row of an event about a call.
pub(crate) fn want(
    event: &Recorded<'_>,
    fact: CallFact,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    match key_of(event, fact) {
        Ok(Some(key)) => tables.tool_call.want(key),
        Ok(None) | Err(_) => Ok(()), // what is wrong the fold refuses in its turn
    }
}

/// Folds an event about a call. The first end counts; of what is not known to be asked for nothing is kept.
pub(crate) fn fold(
    event: &Recorded<'_>,
    fact: CallFact,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let Some(key) = key_of(event, fact)? else { return Ok(()) };
    let known = tables.tool_call.get(&key)?.cloned();
    let row = match (fact, known) {
        (CallFact::Requested, None) => requested(event, key)?,
        (CallFact::Requested, Some(_)) | (_, None) => return Ok(()),
        (_, Some(row)) if row.has_ended() => return Ok(()),
        (_, Some(mut row)) => {
            add(event, fact, &mut row)?;
            ToolCallRow { changed: Changed::by(event), ..row }
        }
    };
    tables.tool_call.put(row)
}

fn requested(
    event: &Recorded<'_>,
    (subject, call_source, call_id): ToolCallKey,
) -> Result<ToolCallRow, FoldError> {
    let CallRequested { tool, .. } = event.typed()?;
    Ok(ToolCallRow {
        subject,
        call_source,
        call_id,
        tool,
        principal: None,
        state: "requested".to_owned(),
        requested_at: event.happened_at(),
        decided_at: None,
        policies: Vec::new(),
        policy_digest: None,
        started_at: None,
        attempts: 0,
        ended_at: None,
        reason_code: None,
        is_without_effect: None,
        result_bytes: None,
        duration_ms: None,
        cost_micros: None,
        changed: Changed::by(event),
    })
}

fn add(event: &Recorded<'_>, fact: CallFact, row: &mut ToolCallRow) -> Result<(), FoldError> {
    let at = event.happened_at();
    match fact {
        CallFact::Requested => {}
        CallFact::Authorized => {
            let said: CallAuthorized = event.typed()?;
            "authorized".clone_into(&mut row.state);
            (row.principal, row.decided_at) = (Some(said.principal), Some(at));
            (row.policies, row.policy_digest) = (said.policies, Some(said.policy_digest));
        }
        CallFact::Denied => {
            let said: CallDenied = event.typed()?;
            row.ended("denied", at);
            (row.principal, row.decided_at) = (Some(said.principal), Some(at));
            (row.policies, row.policy_digest) = (said.policies, said.policy_digest);
            row.reason_code = Some(said.reason_code);
        }
        CallFact::Started => {
            let said: CallStarted = event.typed()?;
            "started".clone_into(&mut row.state);
            (row.started_at, row.attempts) = (Some(at), row.attempts.max(said.attempt));
        }
        CallFact::Completed => {
            let said: CallCompleted = event.typed()?;
            row.ended("completed", at);
            (row.result_bytes, row.duration_ms) = (Some(said.result_bytes), Some(said.duration_ms));
            row.cost_micros = said.cost_micros;
        }
        CallFact::Failed => {
            let said: CallFailed = event.typed()?;
            row.ended("failed", at);
            (row.reason_code, row.duration_ms) = (Some(said.reason_code), Some(said.duration_ms));
            (row.is_without_effect, row.cost_micros) = (Some(said.is_without_effect), said.cost_micros);
        }
        CallFact::Unknown => {
            let said: CallUnknown = event.typed()?;
            row.ended("unknown", at);
            row.reason_code = Some(said.reason_code);
        }
    }
    Ok(())
}
