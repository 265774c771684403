//! The fold of what is to be remembered.
//!
//! All that is said about one thing has it as its subject, so one partition has it in order, and what takes the place of
//! something comes after it.

use brainops_event::types::memory::Recorded as Said;
use brainops_event::{Recorded, TypedEvent as _};
use brainops_projection::{Changed, FoldError};

use crate::fold::subject_of;
use crate::memory::{MemoryKey, MemoryRow};
use crate::model::OperationTables;

/// Whether an event of this type says that something is to be remembered.
pub(crate) fn tells(event_type: &str) -> bool {
    event_type == Said::EVENT_TYPE
}

/// What is said, its row, and that of what it replaces.
fn read(event: &Recorded<'_>) -> Result<(Said, MemoryKey, Option<MemoryKey>), FoldError> {
    let (envelope, said) = (&event.envelope, event.typed::<Said>()?);
    if said.about != subject_of(event)? {
        return Err(FoldError::refused("its data is about another subject"));
    }
    let key = |id: &str| (said.about.clone(), envelope.source().to_owned(), id.to_owned());
    let own = key(envelope.id());
    let replaced = said.replaces.as_deref().map(key).filter(|replaced| *replaced != own);
    Ok((said, own, replaced))
}

/// Names the rows of an event.
pub(crate) fn want(event: &Recorded<'_>, tables: &mut OperationTables) -> Result<(), FoldError> {
    let Ok((_, own, replaced)) = read(event) else { return Ok(()) }; // the fold refuses it in its turn
    tables.memory.want(own)?;
    replaced.map_or(Ok(()), |replaced| tables.memory.want(replaced))
}

/// Folds an event. What it replaces stays, and says by what; the first that does counts.
pub(crate) fn fold(event: &Recorded<'_>, tables: &mut OperationTables) -> Result<(), FoldError> {
    let (said, (about, memory_source, memory_id), replaced) = read(event)?;
    if let Some(replaced) = replaced
        && let Some(row) = tables.memory.get(&replaced)?.filter(|row| row.replaced_by.is_none()).cloned()
    {
        let replaced_by = Some(memory_id.clone());
        tables.memory.put(MemoryRow { replaced_by, changed: Changed::by(event), ..row })?;
    }
    tables.memory.put(MemoryRow {
        about,
        memory_source,
        memory_id,
        kind: said.kind,
        text: said.text,
        tags: said.tags,
        told_by: said.told_by,
        told_at: event.happened_at(),
        replaced_by: None,
        changed: Changed::by(event),
    })
}
