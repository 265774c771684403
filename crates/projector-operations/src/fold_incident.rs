//! The fold of `monitor.incident.*`: where each incident stands, and its timeline.

use brainops_event::types::monitor::{
    IncidentAcknowledged, IncidentEscalated, IncidentJoined, IncidentOpened, IncidentResolved,
};
use brainops_event::{Recorded, TypedEvent};
use brainops_projection::{Changed, FoldError};

use crate::case::IncidentCaseRow;
use crate::entry::IncidentEntryRow;
use crate::fold::subject_of;
use crate::kind::EntryKind;
use crate::model::OperationTables;

/// Names the row of an event. Entries are written whole.
pub(crate) fn want(event: &Recorded<'_>, tables: &mut OperationTables) -> Result<(), FoldError> {
    tables.incident_case.want(subject_of(event)?)
}

/// Folds an event of this kind.
pub(crate) fn fold(
    event: &Recorded<'_>,
    kind: EntryKind,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let (incident_id, at, changed) = (subject_of(event)?, event.happened_at(), Changed::by(event));
    let known = tables.incident_case.get(&incident_id)?.cloned();
    let mut case = known.unwrap_or_else(|| IncidentCaseRow::unheard_of(incident_id.clone(), changed.clone()));
    case.changed = changed.clone();
    let mut entry = IncidentEntryRow {
        incident_id,
        kind,
        happened_at: at,
        alert: None,
        level: None,
        person: None,
        changed,
    };
    match kind {
        EntryKind::Opened => {
            let said: IncidentOpened = about(event, |said: &IncidentOpened| &said.incident_id)?;
            case.opened(at, &said);
            entry.alert = Some(said.into());
        }
        EntryKind::Joined => {
            let said: IncidentJoined = about(event, |said: &IncidentJoined| &said.incident_id)?;
            case.gathered(said.alert_starts_at);
            entry.alert = Some(said.into());
        }
        EntryKind::Acknowledged => {
            let said = about(event, |said: &IncidentAcknowledged| &said.incident_id)?;
            case.acknowledged(at, &said);
            entry.person = Some(said.acknowledged_by);
        }
        EntryKind::Escalated => {
            let said = about(event, |said: &IncidentEscalated| &said.incident_id)?;
            case.escalated(at, &said);
            entry.level = Some(said.level);
        }
        EntryKind::Resolved => {
            let said = about(event, |said: &IncidentResolved| &said.incident_id)?;
            case.resolved(at, &said);
            entry.person = said.resolved_by;
        }
    }
    tables.incident_case.put(case)?;
    tables.incident_entry.put(entry)
}

/// What the event says, if it is about its own subject: a row has that one writer.
fn about<T: TypedEvent>(event: &Recorded<'_>, incident_id: fn(&T) -> &String) -> Result<T, FoldError> {
    let said: T = event.typed()?;
    if event.envelope.subject() == Some(incident_id(&said)) {
        return Ok(said);
    }
    Err(FoldError::refused("its incident_id is not its subject"))
}
