//! What people ask of a rebuild that is under way.

use sqlx::PgPool;

use super::begin::underway;
use super::error::{RebuildError, in_database};
use super::job::set_rebuild_state;
use super::progress::RebuildState;
use crate::generation::{Generation, ModelName};

/// What is asked of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whoever works on it stops where they are; nothing is lost.
    Pause,
    /// It goes on, once somebody works on it.
    Resume,
    /// It ends; its generation is to be dropped.
    Cancel,
}

/// Asks something of the rebuild of a read model that is under way; who works on it heeds that within seconds.
///
/// # Errors
/// [`RebuildError::NoneUnderway`] when there is none, or the database does not answer.
pub async fn ask_rebuild(
    pool: &PgPool,
    read_model: &str,
    asked: Asked,
    reason: &str,
) -> Result<Generation, RebuildError> {
    let read_model = ModelName::new(read_model)?;
    let found = underway(pool, &read_model).await.map_err(in_database(&read_model, "read the rebuilds"))?;
    let Some(found) = found else { return Err(RebuildError::NoneUnderway { read_model }) };
    let state = match asked {
        Asked::Pause => RebuildState::Paused,
        Asked::Resume => RebuildState::Running,
        Asked::Cancel => RebuildState::Cancelled,
    };
    let reason = (asked != Asked::Resume).then_some(reason);
    let changed = set_rebuild_state(pool, &found.generation, state, reason).await;
    match changed.map_err(in_database(&read_model, "change the rebuild"))? {
        true => Ok(found.generation),
        false => Err(RebuildError::NoneUnderway { read_model }),
    }
}
