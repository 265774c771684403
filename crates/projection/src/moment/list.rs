//! Which past moments of a read model are there or on their way.

use serde_json::Value;
use sqlx::{PgPool, Row as _};

use super::begin::{MomentState, state};
use crate::generation::ModelName;
use crate::rebuild::{RebuildProgress, rebuild_progress};

/// A past moment, how it was asked for, and how far its making is.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedMoment {
    /// Which one, and whether it is there.
    pub state: MomentState,
    /// The question, as it is kept with the answer: an object for people.
    pub asked: Value,
    /// How far it is folded; `None` when it is whole, or begins with the rows of an earlier moment: then what is left
    /// is too little to be counted.
    pub progress: Option<RebuildProgress>,
}

impl ListedMoment {
    /// Looks how far its making is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(pool: &PgPool, state: MomentState, asked: Value) -> Result<Self, sqlx::Error> {
        let progress = if state.is_ready { None } else { rebuild_progress(pool, &state.generation).await? };
        Ok(Self { state, asked, progress: progress.filter(|progress| progress.partitions > 0) })
    }
}

/// The past moments of a read model by any version of its fold, the latest first; or the one of this number.
///
/// # Errors
/// When the database does not answer.
pub async fn list_moments(
    pool: &PgPool,
    read_model: &ModelName,
    number: Option<i32>,
) -> Result<Vec<ListedMoment>, sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/moment.sql")).bind(read_model.as_str());
    let rows = query.bind(None::<i32>).bind(number).fetch_all(pool).await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        let asked: Option<Value> = row.try_get("asked")?;
        listed.push(ListedMoment::of(pool, state(&row, read_model)?, asked.unwrap_or_default()).await?);
    }
    Ok(listed)
}
