//! The fold of `monitor.alert.*`.

use brainops_event::Recorded;
use brainops_projection::{Changed, FoldError};

use crate::alert::AlertRow;
use crate::body;
use crate::model::OperationTables;
use crate::status::Status;

/// The subject of an event.
pub(crate) fn subject_of(event: &Recorded<'_>) -> Result<String, FoldError> {
    event.envelope.subject().map(str::to_owned).ok_or_else(|| FoldError::refused("it has no subject"))
}

/// Names the row of an event.
pub(crate) fn want(event: &Recorded<'_>, tables: &mut OperationTables) -> Result<(), FoldError> {
    let Ok(start) = event.decode::<body::Start>() else { return Ok(()) }; // the fold refuses it in its turn
    tables.alert.want((subject_of(event)?, start.starts_at))
}

/// Folds an event that reports this status.
pub(crate) fn fold(
    event: &Recorded<'_>,
    status: Status,
    tables: &mut OperationTables,
) -> Result<(), FoldError> {
    let subject = subject_of(event)?;
    let said: body::Alert = event.decode()?;
    let ends_at = match status {
        Status::Firing => None,
        Status::Resolved => Some(event.decode::<body::End>()?.ends_at),
    };
    let known = tables.alert.get(&(subject.clone(), said.starts_at))?.cloned();
    tables.alert.put(AlertRow::after(known, subject, said, ends_at, Changed::by(event)))
}
