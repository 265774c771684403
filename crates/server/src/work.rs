//! Work that may block for a moment (keys are written to disk before they are used) is kept off the threads that
//! answer requests.
use crate::problem::{Kind, Problem};

/// Runs the work on a thread of its own and waits for it.
pub async fn in_background<Done: Send + 'static>(
    work: impl FnOnce() -> Result<Done, Problem> + Send + 'static,
) -> Result<Done, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "work for a request ended without an answer");
        Err(Problem::new(Kind::Internal, "the request could not be worked on"))
    })
}
