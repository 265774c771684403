//! Puts the history that an import reads into the log, each event once, whatever was interrupted before.
//!
//! A history says the same events with the same ids each time, and the outbox reserves each id once: what an earlier
//! import, or the first half of this one, has said already answers with its first position and is not appended again.
//! So there is nothing to remember between imports, and nothing to wait for but the outbox itself.
//!
//! One import per source at a time ([`lock`]), since two that read while the source changes would tell its facts in
//! two orders. Events go in chunks, each after the one before is acknowledged ([`pour`]).

mod conflicts;
mod lock;
mod pour;
mod progress;
mod sink;

use std::sync::Arc;
use std::time::Instant;

use brainops_event::Source;
use brainops_keys::FileKeyStore;
use brainops_outbox::Outbox;
use serde::Serialize;
use serde_json::Value;

use crate::appending::{Patience, with_outbox};
use crate::context::Context;

pub use conflicts::{Conflict, Conflicts};
pub use sink::{ReaderStopped, Sink};

/// A history that can be imported.
pub trait Importable: Send + 'static {
    /// The source of all its events.
    fn source(&self) -> &Source;

    /// Hands all of its events to `sink` in their order, and says what it found. Runs on a thread of its own.
    fn read(self: Box<Self>, keys: &FileKeyStore, sink: &mut Sink) -> anyhow::Result<Value>;
}

/// What an import did.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The source of its events.
    pub source: String,
    /// Events of the history.
    pub read: u64,
    /// Those that were appended and acknowledged.
    pub appended: u64,
    /// Those that were there already.
    pub repeated: u64,
    /// Those whose id an event of other content has; they were not appended.
    #[serde(flatten)]
    pub conflicts: Conflicts,
    /// How long reading and appending took.
    pub seconds: f64,
    /// Events of the history per second.
    pub events_per_second: f64,
    /// What the reader found, and what it had to leave out or change.
    pub found: Value,
}

/// Imports a history; the outbox may take as long as `patience` to open.
pub async fn import(
    context: &Context,
    history: Box<dyn Importable>,
    patience: Patience,
) -> anyhow::Result<Summary> {
    let keys = context.keys()?;
    let mut lock = lock::ImportLock::take(&context.settings().postgres, history.source()).await?;
    with_outbox(context, patience, async |outbox| put(outbox, history, keys, &mut lock).await).await
}

async fn put(
    outbox: &Outbox,
    history: Box<dyn Importable>,
    keys: Arc<FileKeyStore>,
    lock: &mut lock::ImportLock,
) -> anyhow::Result<Summary> {
    let source = history.source().to_string();
    let started = Instant::now();
    let (sink, events) = sink::channel();
    let reader = tokio::task::spawn_blocking(move || {
        let mut sink = sink;
        history.read(&keys, &mut sink)
    });
    let poured = pour::pour(outbox, events, lock).await;
    // A reader that failed has ended the stream early, so its error is the one to tell.
    let found = match reader.await? {
        Err(error) if !error.is::<ReaderStopped>() => {
            let appended = poured.as_ref().map_or_else(|stopped| stopped.appended, |tally| tally.appended);
            let so_far = format!(
                "{appended} events were appended; once this is mended, importing again goes on from there"
            );
            return Err(error.context(so_far));
        }
        found => found.unwrap_or_default(),
    };
    let tally = poured?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Summary {
        source,
        read: tally.read,
        appended: tally.appended,
        repeated: tally.repeated,
        conflicts: tally.conflicts,
        seconds,
        events_per_second: tally.read as f64 / seconds.max(0.001),
        found,
    })
}
