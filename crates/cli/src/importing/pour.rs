//! Appends what a reader hands over, in order, and stops at the first failure.

use brainops_event::Outgoing;
use brainops_import::Read;
use brainops_log::{AppendError, Appender};
use tokio::sync::mpsc::Receiver;

use super::lock::ImportLock;
use super::progress::Progress;
use super::sink::Message;

/// So many events are handed to the log at once, at most.
const CHUNK_EVENTS: usize = 1_000;
/// And so many bytes, so that a chunk of large events stays small in memory.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// What was done so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) read: u64,
    pub(super) skipped: u64,
    pub(super) appended: u64,
}

/// Appending stopped before the end.
#[derive(Debug, thiserror::Error)]
#[error(
    "the import stopped after {appended} events were appended and acknowledged; importing again completes it"
)]
pub(super) struct Stopped {
    pub(super) appended: u64,
    source: StopCause,
}

/// Why.
#[derive(Debug, thiserror::Error)]
pub(super) enum StopCause {
    /// The log did not take an event.
    #[error("the log did not take an event")]
    Append(#[from] AppendError),
    /// The lock of the source was lost, so that another import may have begun.
    #[error("the connection that holds the lock of this source was lost")]
    Lock(#[from] sqlx::Error),
}

/// Appends until the reader has ended.
pub(super) async fn pour(
    appender: &Appender,
    mut events: Receiver<Message>,
    lock: &mut ImportLock,
) -> Result<Tally, Stopped> {
    let progress = Progress::start();
    let mut tally = Tally::default();
    loop {
        let (chunk, ended) = gather(&mut events, &mut tally, &progress).await;
        let poured = match lock.is_held().await {
            Ok(()) => append(appender, chunk, &mut tally).await.map_err(StopCause::from),
            Err(lost) => Err(lost.into()),
        };
        progress.at(tally.skipped + tally.appended);
        match poured {
            Err(source) => return Err(Stopped { appended: tally.appended, source }),
            Ok(()) if ended => break,
            Ok(()) => {}
        }
    }
    progress.finish();
    Ok(tally)
}

/// The next chunk, and whether it is the last.
async fn gather(
    events: &mut Receiver<Message>,
    tally: &mut Tally,
    progress: &Progress,
) -> (Vec<Outgoing>, bool) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while chunk.len() < CHUNK_EVENTS && bytes < CHUNK_BYTES {
        match events.recv().await {
            None => return (chunk, true),
            Some(Message::Total(total)) => progress.expect(total),
            Some(Message::Read(Read::Known)) => {
                tally.read += 1;
                tally.skipped += 1;
            }
            Some(Message::Read(Read::New(outgoing))) => {
                tally.read += 1;
                bytes += outgoing.datum.len();
                chunk.push(*outgoing);
            }
        }
    }
    (chunk, false)
}

/// Appends a chunk. The log keeps the order within each subject, whatever fails, and sends nothing after a failure.
async fn append(appender: &Appender, chunk: Vec<Outgoing>, tally: &mut Tally) -> Result<(), AppendError> {
    let mut failure = None;
    for result in appender.append_all(chunk).await {
        match result {
            Ok(_) => tally.appended += 1,
            // What was not sent because of an earlier failure says less than that failure.
            Err(error) => match failure {
                None | Some(AppendError::NotSent(_)) => failure = Some(error),
                Some(_) => {}
            },
        }
    }
    failure.map_or(Ok(()), Err)
}
