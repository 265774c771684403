//! Bringing sagas back before their agent runs, whatever passes by itself.

use std::time::Duration;

use brainops_event::error_chain;

use super::recover::{RecoverError, recover};
use crate::cast::Cast;
use crate::runtime::Stage;

/// How long is waited for what stands in the way.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a relay to read the ends of the log, before it is said that this takes long.
    pub opening: Duration,
    /// Until what failed and can pass is tried again.
    pub again: Duration,
}

/// Brings the tables of an agent to where the log says that its sagas are, as [`recover`] does, once the outbox takes
/// decisions; tries again what can pass. To be called before the agent runs: it reads from its checkpoints to the end of the
/// log, so that is little when nothing was forgotten.
///
/// # Errors
/// [`RecoverError::Row`]: a row holds what this program cannot have written.
pub async fn bring_back(cast: &Cast, stage: &Stage, patience: Patience) -> Result<(), RecoverError> {
    while let Err(error) = stage.outbox.opened(patience.opening).await {
        tracing::warn!(agent.name = cast.name(), error = %error_chain(&error), "the outbox takes no decisions yet");
    }
    loop {
        match recover(cast, stage).await {
            Ok(found) => {
                if found.transactions + found.unfinished > 0 {
                    tracing::warn!(
                        agent.name = cast.name(),
                        transactions = found.transactions,
                        differing = found.differing,
                        unfinished = found.unfinished,
                        "sagas had forgotten what the log says of them"
                    );
                }
                return Ok(());
            }
            Err(error @ RecoverError::Row(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(agent.name = cast.name(), error = %error_chain(&error), "what sagas have forgotten cannot be looked for; trying again");
                tokio::time::sleep(patience.again).await;
            }
        }
    }
}
