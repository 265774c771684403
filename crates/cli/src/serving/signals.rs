//! The end of a service: the first signal drains, the second ends it at once.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// As shells have it for a process that was ended by a signal.
const ENDED_BY_SIGNAL: i32 = 130;

/// What roles watch to know when to stop.
pub type Stop = CancellationToken;

/// Begins to listen for SIGTERM and SIGINT.
pub fn listen_for_stop() -> anyhow::Result<Stop> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    let stop = Stop::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let first = next().await;
        tracing::info!(signal = first, "stopping; the same again ends it at once");
        stopping.cancel();
        let second = next().await;
        tracing::warn!(signal = second, "ended at once");
        std::process::exit(ENDED_BY_SIGNAL);
    });
    Ok(stop)
}
