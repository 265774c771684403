//! How far a rebuild has come.

use brainops_event::{Frontier, Timestamp};
use chrono::TimeDelta;
use serde::Serialize;
use sqlx::{PgPool, Row as _};

use crate::generation::Generation;
use crate::parked::corrupt;

/// What is to be done with a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RebuildState {
    /// Whoever works on it goes on.
    Running,
    /// Whoever works on it stops where they are.
    Paused,
    /// A person has ended it.
    Cancelled,
    /// It has ended by a fault.
    Failed,
    /// The generation is whole.
    Done,
}

impl RebuildState {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Cancelled, Self::Failed, Self::Done]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// How far a rebuild has come. Offsets stand for events: not all need to hold one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RebuildProgress {
    /// What is to be done with it.
    pub state: RebuildState,
    /// Why it is paused or has ended, in words.
    pub reason: Option<String>,
    /// The frontier up to which it is folded.
    pub goal: Frontier,
    /// How many partitions there are.
    pub partitions: i64,
    /// How many of them are folded.
    pub partitions_done: i64,
    /// Offsets to be folded in all.
    pub offsets: i64,
    /// How many of them were read.
    pub offsets_read: i64,
    /// How many of them are folded, and their rows written.
    pub offsets_folded: i64,
    /// Processes that work on it now.
    pub workers: Vec<String>,
    /// Whether all is folded, and indexes are made.
    pub is_indexing: bool,
    /// Seconds since it was begun, until it ended.
    pub seconds: f64,
    /// When it was begun.
    pub started_at: Timestamp,
}

impl RebuildProgress {
    /// The share of the work that is done, from 0 to 1: reading is half of it, folding the other.
    pub fn share(&self) -> f64 {
        if self.offsets == 0 {
            return 1.0;
        }
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let share = (self.offsets_read + self.offsets_folded) as f64 / (2 * self.offsets) as f64;
        share.clamp(0.0, 1.0)
    }

    /// Seconds until the end, if it goes on like this since `since` with a share of `before` then.
    pub fn seconds_left(&self, before: f64, passed: TimeDelta) -> Option<f64> {
        let gained = self.share() - before;
        let passed = passed.to_std().ok()?.as_secs_f64();
        (gained > 0.0).then(|| (1.0 - self.share()) * passed / gained)
    }
}

/// How far the rebuild of a generation has come; `None` when it was not folded from history.
///
/// # Errors
/// When the database does not answer.
pub async fn rebuild_progress(
    pool: &PgPool,
    generation: &Generation,
) -> Result<Option<RebuildProgress>, sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/rebuild/progress.sql"));
    let query = query.bind(generation.read_model.as_str()).bind(generation.number);
    let Some(row) = query.fetch_optional(pool).await? else { return Ok(None) };
    let state: &str = row.try_get("state")?;
    let goal: sqlx::types::Json<Frontier> = row.try_get("goal")?;
    Ok(Some(RebuildProgress {
        state: RebuildState::from_name(state)
            .ok_or_else(|| corrupt(format!("no rebuild has the state {state}")))?,
        reason: row.try_get("reason")?,
        goal: goal.0,
        partitions: row.try_get("partitions")?,
        partitions_done: row.try_get("partitions_done")?,
        offsets: row.try_get("offsets")?,
        offsets_read: row.try_get("offsets_read")?,
        offsets_folded: row.try_get("offsets_folded")?,
        workers: row.try_get("workers")?,
        is_indexing: row.try_get("is_indexing")?,
        seconds: row.try_get("seconds")?,
        started_at: row.try_get("started_at")?,
    }))
}
