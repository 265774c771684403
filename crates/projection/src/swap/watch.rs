//! Sees who is in the way of a transaction while it waits.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;

use super::error::Blocker;
use super::snapshots::blocker;

/// How often is looked; asking locks the table of locks for a moment.
const LOOK: Duration = Duration::from_millis(40);

/// Who was in the way of one transaction, seen from a connection of its own.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Whoever was seen last.
    seen: Mutex<Vec<Blocker>>,
}

impl Watch {
    /// Looks until it is dropped.
    pub(super) async fn run(&self, pool: &PgPool, pid: i32) -> Infallible {
        loop {
            sleep(LOOK).await;
            match look(pool, pid).await {
                Ok(blockers) if blockers.is_empty() => {}
                Ok(blockers) => *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = blockers,
                Err(error) => tracing::debug!(%error, "it cannot be seen who is in the way of a swap"),
            }
        }
    }

    pub(super) fn seen(&self) -> Vec<Blocker> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn look(pool: &PgPool, pid: i32) -> Result<Vec<Blocker>, sqlx::Error> {
    let rows = sqlx::query(include_str!("../sql/swap_blockers.sql")).bind(pid).fetch_all(pool).await?;
    rows.iter().map(blocker).collect()
}
