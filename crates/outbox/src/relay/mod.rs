//! Sends what was kept, in order.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::RelayError;
use crate::outbox::{Outbox, Shared};

/// Sends the rows of all shards that it can lease. Several processes may run one; each shard is sent by one of them.
pub struct Relay {
    #[expect(dead_code, reason = "sending comes next")]
    shared: Arc<Shared>,
    #[expect(dead_code, reason = "sending comes next")]
    instance: String,
}

impl Relay {
    /// A relay under this name, which is shown in the state of the shards.
    pub fn new(outbox: &Outbox, instance: String) -> Relay {
        Relay { shared: Arc::clone(&outbox.shared), instance }
    }

    /// Sends until shutdown is asked for, then waits for what is on its way, for 7 s at most.
    ///
    /// # Errors
    /// One of its tasks panicked.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RelayError> {
        shutdown.cancelled().await;
        Ok(())
    }
}
