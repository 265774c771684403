//! Puts the history that an import reads into the log, each event once, whatever was interrupted before.
//!
//! 1. One import per source at a time: [`lock`].
//! 2. The index of events reaches the log's end as of now: [`catch_up`]. An earlier import that was cut off has left
//!    its events in the log or nowhere, so what the index then knows is what the log has.
//! 3. Events whose ids the index knows are left out: [`known`].
//! 4. The rest is appended in order, many on their way at once: [`pour`]. The first failure ends the import; ids are
//!    the same each time, so importing again completes it, and an event whose outcome was unknown is counted once.

mod catch_up;
mod known;
mod lock;
mod pour;
mod progress;
mod sink;

use std::time::{Duration, Instant};

use brainops_event::Source;
use brainops_import::Known;
use brainops_keys::FileKeyStore;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;

pub use sink::{ReaderStopped, Sink};

/// A history that can be imported.
pub trait Importable: Send + 'static {
    /// The source of all its events.
    fn source(&self) -> &Source;

    /// The topics that its events go to, without their prefix.
    fn topics(&self) -> &'static [&'static str];

    /// Hands all of its events to `sink` in their order, and says what it found. Runs on a thread of its own.
    fn read(self: Box<Self>, keys: &FileKeyStore, known: Known<'_>, sink: &mut Sink)
    -> anyhow::Result<Value>;
}

/// What an import did.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The source of its events.
    pub source: String,
    /// Events of the history.
    pub read: u64,
    /// Those that were left out because the log has them.
    pub skipped: u64,
    /// Those that were appended and acknowledged.
    pub appended: u64,
    /// How long reading and appending took.
    pub seconds: f64,
    /// Events appended per second.
    pub events_per_second: f64,
    /// What the reader found, and what it had to leave out or change.
    pub found: Value,
}

/// Imports a history; the index may take as long as `patience` to catch up.
pub async fn import(
    context: &Context,
    history: Box<dyn Importable>,
    patience: Duration,
) -> anyhow::Result<Summary> {
    let source = history.source().clone();
    let (cluster, appender, keys) = (context.cluster()?, context.appender()?, context.keys()?);
    let pool = context.pool().await?;
    let mut lock = lock::ImportLock::take(&context.settings().postgres, &source).await?;
    catch_up::wait_for_index(&pool, &cluster, history.topics(), patience).await?;
    let known = known::ids_of_source(&pool, &source).await?;
    let started = Instant::now();
    let (sink, events) = sink::channel();
    let reader = tokio::task::spawn_blocking(move || {
        let mut sink = sink;
        history.read(&keys, known.into_known(), &mut sink)
    });
    let poured = pour::pour(&appender, events, &mut lock).await;
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
        source: source.into_string(),
        read: tally.read,
        skipped: tally.skipped,
        appended: tally.appended,
        seconds,
        events_per_second: tally.appended as f64 / seconds.max(0.001),
        found,
    })
}
