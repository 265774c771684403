//! Appends what a reader hands over, in order, chunk after chunk, and stops at the first failure that does not pass.

use std::time::{Duration, Instant};

use brainops_event::Outgoing;
use brainops_outbox::{AppendError, Outbox, Receipt};
use tokio::sync::mpsc::Receiver;

use super::conflicts::{Conflicts, Told};
use super::lock::ImportLock;
use super::progress::Progress;
use super::sink::Message;

/// So many events are handed to the outbox at once, at most: it keeps one part of them while a relay sends another.
const CHUNK_EVENTS: usize = 5_000;
/// And so many bytes, so that a chunk of large events stays small in memory.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// So long nothing of a chunk may be settled before the import gives up.
const PATIENCE: Duration = Duration::from_secs(150);

/// What was done so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) read: u64,
    pub(super) appended: u64,
    pub(super) repeated: u64,
    pub(super) conflicts: Conflicts,
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
    /// The outbox did not take an event, or the log did not acknowledge it.
    #[error("an event was not acknowledged")]
    Append(#[from] AppendError),
    /// The lock of the source was lost, so that another import may have begun.
    #[error("the connection that holds the lock of this source was lost")]
    Lock(#[from] sqlx::Error),
}

/// Appends until the reader has ended.
pub(super) async fn pour(
    outbox: &Outbox,
    mut events: Receiver<Message>,
    lock: &mut ImportLock,
) -> Result<Tally, Stopped> {
    let progress = Progress::start();
    let mut tally = Tally::default();
    loop {
        let (chunk, ended) = gather(&mut events, &mut tally, &progress).await;
        let poured = match lock.is_held().await {
            Ok(()) => append(outbox, chunk, &mut tally).await.map_err(StopCause::from),
            Err(lost) => Err(lost.into()),
        };
        progress.at(tally.appended + tally.repeated + tally.conflicts.conflicts);
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
            Some(Message::Event(event)) => {
                tally.read += 1;
                bytes += event.datum.len();
                chunk.push(*event);
            }
        }
    }
    (chunk, false)
}

/// Appends a chunk: what the outbox has no room for now, and what the log has not acknowledged yet, is said again.
async fn append(outbox: &Outbox, chunk: Vec<Outgoing>, tally: &mut Tally) -> Result<(), AppendError> {
    let mut left = chunk;
    let mut settled_at = Instant::now();
    while !left.is_empty() {
        let said = left.len();
        let results = outbox.append_all(left.clone()).await;
        let again = take_in(left, results, tally)?;
        if again.events.len() < said {
            settled_at = Instant::now();
        }
        match again.because {
            Some(error) if settled_at.elapsed() > PATIENCE => return Err(error),
            Some(AppendError::Full { retry_after }) => tokio::time::sleep(retry_after).await,
            _ => {} // who asked had to wait already
        }
        left = again.events;
    }
    Ok(())
}

/// What is to be said again, and why.
#[derive(Default)]
struct Again {
    events: Vec<Outgoing>,
    because: Option<AppendError>,
}

/// Counts what is settled, and keeps the rest in its order.
fn take_in(
    events: Vec<Outgoing>,
    results: Vec<Result<Receipt, AppendError>>,
    tally: &mut Tally,
) -> Result<Again, AppendError> {
    let mut again = Again::default();
    for (event, result) in events.into_iter().zip(results) {
        match result {
            Ok(Receipt { repeated: true, .. }) => tally.repeated += 1,
            Ok(_) => tally.appended += 1,
            Err(AppendError::Conflict { first }) => tally.conflicts.add(&Told::of(&event), first.as_ref()),
            Err(
                error @ (AppendError::Full { .. }
                | AppendError::NotAcknowledged { .. }
                | AppendError::NotTried),
            ) => {
                again.events.push(event);
                again.because.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(again)
}

#[cfg(test)]
mod tests {
    use brainops_event::types::lead::LeadLost;
    use brainops_event::{Envelope, EventId, EventType, Source, Subject, Timestamp, TypedEvent as _};

    use super::*;

    fn event(id: &str) -> Outgoing {
        let envelope = Envelope::new(
            EventId::new(id).unwrap(),
            Source::new("brainops/import/leads/x").unwrap(),
            EventType::new(LeadLost::EVENT_TYPE).unwrap(),
            Subject::new("lead-1").unwrap(),
        );
        Outgoing::typed(envelope, &LeadLost { lead_id: "lead-1".to_owned(), reason_code: None }).unwrap()
    }

    fn receipt(repeated: bool) -> Result<Receipt, AppendError> {
        let position = "brainops.lead/0@7".parse().unwrap();
        Ok(Receipt { position, recorded_at: Timestamp::UNIX_EPOCH, repeated })
    }

    #[test]
    fn what_is_settled_is_counted_and_the_rest_is_said_again_in_its_order() {
        let events = ["1", "2", "3", "4", "5"].map(event).to_vec();
        let first = "brainops.lead/0@3".parse().ok();
        let full = AppendError::Full { retry_after: Duration::from_secs(2) };
        let results = vec![
            receipt(false),
            receipt(true),
            Err(AppendError::Conflict { first }),
            Err(full),
            Err(AppendError::NotTried),
        ];
        let mut tally = Tally::default();
        let again = take_in(events, results, &mut tally).unwrap();
        let ids: Vec<&str> = again.events.iter().map(|event| event.envelope.id().as_str()).collect();
        assert_eq!(ids, ["4", "5"]);
        assert!(
            matches!(again.because, Some(AppendError::Full { .. })),
            "the first reason is the one to tell"
        );
        assert_eq!((tally.appended, tally.repeated, tally.conflicts.conflicts), (1, 1, 1));
        assert_eq!(tally.conflicts.named[0].stands_at.as_deref(), Some("brainops.lead/0@3"));
    }

    #[test]
    fn what_cannot_pass_ends_the_import() {
        let results = vec![receipt(false), Err(AppendError::TooLarge { size: 2, limit: 1 })];
        let mut tally = Tally::default();
        assert!(take_in(["1", "2"].map(event).to_vec(), results, &mut tally).is_err());
        assert_eq!(tally.appended, 1);
    }
}
