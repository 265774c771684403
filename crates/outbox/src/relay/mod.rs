//! Sends what was kept, in order. One task per shard; who has the lease sends.

mod end;
mod flight;
mod held;
mod lanes;
mod lease;
mod purge;
mod recover;
mod remember;
mod sending;
mod session;
mod shard;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::RelayError;
use crate::metrics::{OLDEST_PENDING_SECONDS, PENDING_BYTES, PENDING_ROWS, STOPPED_PARTITIONS};
use crate::outbox::{Outbox, Shared};
use crate::state::state;
use shard::Shard;
pub(crate) use turn::Numbered;
#[cfg(test)]
pub(crate) use turn::numbered_row;

/// How often the metrics are taken from the tables.
const OBSERVE_EVERY: Duration = Duration::from_secs(5);

/// Sends the rows of all shards that it can lease. Several processes may run one; each shard is sent by one of them.
pub struct Relay {
    shared: Arc<Shared>,
    holder: String,
}

impl Relay {
    /// A relay under this name, which is shown in the state of the shards.
    pub fn new(outbox: &Outbox, instance: String) -> Relay {
        // two relays are two holders, whatever they are called: the older one may only sleep
        let holder = format!("{instance}/{}", Uuid::now_v7());
        Relay { shared: Arc::clone(&outbox.shared), holder }
    }

    /// Sends until shutdown is asked for, then waits for what is on its way, for 7 s at most.
    ///
    /// # Errors
    /// One of its tasks panicked.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RelayError> {
        let mut tasks = JoinSet::new();
        for number in 0..self.shared.config.shards {
            let shard = Shard::new(Arc::clone(&self.shared), number, self.holder.clone(), shutdown.clone());
            tasks.spawn(shard.run());
        }
        for chore in [true, false] {
            let (shared, shutdown) = (Arc::clone(&self.shared), shutdown.clone());
            tasks.spawn(async move {
                if chore {
                    shutdown.run_until_cancelled(purge::run(shared)).await;
                } else {
                    shutdown.run_until_cancelled(observe(shared)).await;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(RelayError::Panicked)?;
        }
        Ok(())
    }
}

/// Shows in the metrics what waits, for ever.
async fn observe(shared: Arc<Shared>) {
    let mut every = tokio::time::interval(OBSERVE_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match state(&shared.pool).await {
            Ok(state) => {
                gauge!(PENDING_ROWS).set(state.pending_rows as f64);
                gauge!(PENDING_BYTES).set(state.pending_bytes as f64);
                gauge!(OLDEST_PENDING_SECONDS).set(state.oldest_pending_seconds.unwrap_or(0.0));
                gauge!(STOPPED_PARTITIONS).set(state.stopped.len() as f64);
            }
            Err(error) => tracing::debug!(%error, "the outbox cannot be observed for now"),
        }
    }
}
