//! How commands append: through the outbox, with a relay of their own beside it for as long as they run.
//!
//! Leases decide which relay sends: where `brainops serve` has its own, that of the command has nothing to do; where
//! none runs, the command needs no service. A command that is killed leaves nothing behind but rows that the next
//! relay sends.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use brainops_outbox::{Outbox, Relay};
use clap::Args;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::host::instance_name;
use crate::output::talk;

/// After this long a person wants to know what is waited for.
const QUIET: Duration = Duration::from_secs(2);

/// How long a command waits before it gives up appending.
#[derive(Debug, Clone, Copy, Args)]
pub struct Patience {
    /// How many seconds to wait until a relay has read the end of the log; long only after Postgres was made anew.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

impl Patience {
    /// That many seconds.
    pub const fn of(seconds: u64) -> Patience {
        Patience { wait: seconds }
    }

    fn limit(self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

/// Opens the outbox, waits up to `patience` until it takes events, does `work` with it, and lets the relay end.
///
/// # Errors
/// Nobody has opened the outbox in time, or what `work` says.
pub async fn with_outbox<Done>(
    context: &Context,
    patience: Patience,
    work: impl AsyncFnOnce(&Outbox) -> anyhow::Result<Done>,
) -> anyhow::Result<Done> {
    let outbox = context.outbox(&context.pool().await?).await?;
    let stop = CancellationToken::new();
    let relay = Relay::new(&outbox, instance_name());
    let mut relay = tokio::spawn(relay.run(stop.clone()));
    let done = match opened(&outbox, patience.limit(), &mut relay).await {
        Ok(()) => work(&outbox).await,
        Err(error) => Err(error),
    };
    stop.cancel();
    if !relay.is_finished()
        && let Err(error) = ended(relay.await)
    {
        // What the work needed is acknowledged by now, or its own error is the one to tell.
        tracing::warn!(error = %format!("{error:#}"), "the relay of this command did not end well");
    }
    done
}

/// What a task of a relay ends with.
type Ended = Result<Result<(), brainops_outbox::RelayError>, tokio::task::JoinError>;

fn ended(ended: Ended) -> anyhow::Result<()> {
    ended.context("the relay has died")?.context("the relay has stopped")
}

/// Waits, and says so to whoever has to wait with it.
async fn opened(
    outbox: &Outbox,
    patience: Duration,
    relay: &mut JoinHandle<Result<(), brainops_outbox::RelayError>>,
) -> anyhow::Result<()> {
    let opened = outbox.opened(patience);
    tokio::pin!(opened);
    let opened = tokio::select! {
        opened = &mut opened => opened,
        ended_early = &mut *relay => return ended(ended_early).and_then(|()| Err(anyhow!("the relay has ended early"))),
        () = tokio::time::sleep(QUIET) => {
            talk(&format!("waiting until a relay has read the end of the log, {} s at most", patience.as_secs()));
            opened.await
        }
    };
    opened.context("the outbox takes no events yet; `brainops status` shows what its relays do")
}
