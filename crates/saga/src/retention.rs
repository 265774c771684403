//! What is kept of sagas that are over, and for how long.
//!
//! | what | kept | why no longer |
//! |---|---|---|
//! | the name of an input | `keep_hours` after the checkpoints passed it | nobody reads it again; a repeat far behind it is found by the log only within its window |
//! | what an ended saga was | `keep_hours` after its end | all of it stands in the log |
//! | that there was one: run, revision, outcome | for ever, some hundred bytes | the ids of what the next one says follow from them |

use std::time::Duration;

use metrics::counter;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::metrics as names;

/// How often it is looked for what has been kept long enough.
const EVERY: Duration = Duration::from_secs(600);
/// How many rows one statement takes at most.
const ROWS: i64 = 10_000;

/// For how long is kept what sagas no longer need: the section `[sagas]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Hours for which an input is known after it was taken, and for which an ended saga is kept as it was: 1 to 87,600.
    /// Default: 168, a week.
    pub keep_hours: u64,
}

/// A setting that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("sagas.keep_hours is {found}, accepted is a number from 1 to 87600")]
pub struct RetentionError {
    /// What was given.
    pub found: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { keep_hours: 168 }
    }
}

impl RetentionConfig {
    /// Whether it can be true.
    ///
    /// # Errors
    /// It cannot; the error names the key and what is accepted.
    pub fn check(&self) -> Result<(), RetentionError> {
        let found = self.keep_hours;
        if (1..=87_600).contains(&found) { Ok(()) } else { Err(RetentionError { found }) }
    }

    fn seconds(&self) -> f64 {
        Duration::from_secs(self.keep_hours * 3_600).as_secs_f64()
    }
}

/// What one look has found to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Names of inputs.
    pub inputs: u64,
    /// Sagas that were reduced.
    pub sagas: u64,
}

/// Forgets what has been kept long enough, from time to time, until shutdown is asked for. What fails is tried again the next
/// time. Any number of processes may do it.
pub async fn forget_old(pool: PgPool, keep: RetentionConfig, shutdown: CancellationToken) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = every.tick() => {}
        }
        let forgotten = tokio::select! {
            () = shutdown.cancelled() => return,
            forgotten = forget(&pool, keep) => forgotten,
        };
        match forgotten {
            Ok(Forgotten { inputs: 0, sagas: 0 }) => {}
            Ok(Forgotten { inputs, sagas }) => {
                tracing::info!(inputs, sagas, "what sagas no longer need was forgotten")
            }
            Err(error) => {
                tracing::warn!(error = %error, "old inputs and ended sagas cannot be forgotten; it will be tried again")
            }
        }
    }
}

/// Forgets what has been kept long enough, in statements of bounded size.
///
/// # Errors
/// Postgres does not do what it should; what was forgotten until then is.
pub async fn forget(pool: &PgPool, keep: RetentionConfig) -> Result<Forgotten, sqlx::Error> {
    let inputs = repeat(pool, include_str!("sql/forget_inputs.sql"), keep).await?;
    counter!(names::INPUTS_FORGOTTEN_TOTAL).increment(inputs);
    let sagas = repeat(pool, include_str!("sql/reduce_ended.sql"), keep).await?;
    counter!(names::SAGAS_REDUCED_TOTAL).increment(sagas);
    Ok(Forgotten { inputs, sagas })
}

async fn repeat(pool: &PgPool, sql: &'static str, keep: RetentionConfig) -> Result<u64, sqlx::Error> {
    let mut all = 0;
    loop {
        let done = sqlx::query(sql).bind(keep.seconds()).bind(ROWS).execute(pool).await?;
        all += done.rows_affected();
        if done.rows_affected() < ROWS.unsigned_abs() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_week_and_never_nothing() {
        assert_eq!(RetentionConfig::default().check(), Ok(()));
        assert_eq!(RetentionConfig { keep_hours: 0 }.check(), Err(RetentionError { found: 0 }));
        assert!(RetentionConfig { keep_hours: 87_601 }.check().is_err());
    }
}
