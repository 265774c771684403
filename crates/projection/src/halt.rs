//! Why work on a projection halts, and the one way to wait before it goes on.

use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::generation::ModelName;
use crate::run_error::RunError;
use crate::sqlstate::{Remedy, is_lock_timeout, remedy};

/// Why work halts.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Shutdown was asked for during a wait; nothing of what was under way is written.
    ShutDown,
    /// The projection cannot go on.
    Fault(RunError),
}

impl From<RunError> for Halt {
    fn from(fault: RunError) -> Self {
        Self::Fault(fault)
    }
}

/// Waits after an error of the database, if the same may then succeed.
///
/// # Errors
/// [`Halt`] when it cannot succeed, or shutdown is asked for meanwhile.
pub(crate) async fn pause_after(
    read_model: &ModelName,
    error: sqlx::Error,
    backoff: &mut Backoff,
    shutdown: &CancellationToken,
) -> Result<(), Halt> {
    let read_model = read_model.clone();
    match remedy(&error) {
        Remedy::Retry => {}
        Remedy::FixFold => return Err(RunError::Constraint { read_model, source: error }.into()),
        Remedy::FixInstallation => return Err(RunError::Database { read_model, source: error }.into()),
    }
    let pause = backoff.pause();
    let what = if is_lock_timeout(&error) {
        "somebody holds a lock that is needed; trying again"
    } else {
        "trying again"
    };
    tracing::warn!(projector.name = %read_model, error = %error, pause_ms = pause.as_millis(), "{what}");
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
        () = shutdown.cancelled() => Err(Halt::ShutDown),
    }
}
