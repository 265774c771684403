//! Something that runs beside a test until it is stopped or killed.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long what is waited for may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The answer of a future that must not take long.
///
/// # Panics
/// When it takes longer than a minute.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

/// Something that runs until it is stopped or killed.
#[derive(Debug)]
pub struct Running<E> {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), E>>,
}

impl<E: Debug + Send + 'static> Running<E> {
    /// Begins; what begins gets the token by which it is asked to stop.
    pub fn start<F>(begin: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        Self { task: tokio::spawn(begin(shutdown.clone())), shutdown }
    }

    /// Stops it in good order.
    ///
    /// # Panics
    /// When it ends with a fault, or not soon.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let ended = soon("it stops", self.task).await.expect("it did not panic");
        ended.expect("it ended without a fault");
    }

    /// Ends it as a crash would.
    ///
    /// # Panics
    /// When it does not end soon.
    pub async fn kill(self) {
        self.task.abort();
        let _ = soon("it is gone", self.task).await;
    }

    /// What it ends with by itself.
    ///
    /// # Errors
    /// Its fault.
    ///
    /// # Panics
    /// When it panics, or does not end soon.
    pub async fn ended(self) -> Result<(), E> {
        soon("it ends", self.task).await.expect("it did not panic")
    }
}
