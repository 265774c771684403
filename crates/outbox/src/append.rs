//! Carries the events of one call through: prepared, kept chunk by chunk in order, waited for.

use std::time::{Duration, Instant};

use brainops_event::Outgoing;
use metrics::histogram;
use tokio::sync::oneshot;

use crate::committer::{Answer, Kept, Refusal, Request};
use crate::error::AppendError;
use crate::metrics::APPEND_SECONDS;
use crate::outbox::Outbox;
use crate::prepared::Prepared;
use crate::receipt::{Enqueued, Receipt};
use crate::waiters::Acknowledged;

/// What of one call is kept in one transaction at most.
const CHUNK_EVENTS: usize = 1_000;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// An event whose fate is settled, or that waits for Kafka.
enum Fate {
    Settled(Result<Receipt, AppendError>),
    Waiting { acknowledged: oneshot::Receiver<Acknowledged>, repeated: bool, since: Instant },
}

pub(crate) async fn append_all(outbox: &Outbox, events: Vec<Outgoing>) -> Vec<Result<Receipt, AppendError>> {
    let prepared = outbox.prepare(events).await;
    let mut fates: Vec<Option<Fate>> = Vec::with_capacity(prepared.len());
    let mut ready: Vec<(usize, Prepared)> = Vec::new();
    for (index, prepared) in prepared.into_iter().enumerate() {
        match prepared {
            Ok(event) => {
                ready.push((index, event));
                fates.push(None);
            }
            Err(error) => fates.push(Some(Fate::Settled(Err(error)))),
        }
    }
    keep_all(outbox, ready, &mut fates).await;
    let limit = outbox.shared.config.answer_limit();
    let mut answers = Vec::with_capacity(fates.len());
    for fate in fates {
        answers.push(match fate {
            Some(Fate::Settled(answer)) => answer,
            Some(waiting) => wait(waiting, limit).await,
            None => Err(AppendError::NotTried),
        });
    }
    answers
}

/// Keeps chunk after chunk, each when the one before is committed; stops at the first that is not kept, so that none
/// overtakes it.
async fn keep_all(outbox: &Outbox, ready: Vec<(usize, Prepared)>, fates: &mut [Option<Fate>]) {
    let mut ready = ready.into_iter().peekable();
    while ready.peek().is_some() {
        let (mut indexes, mut chunk, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some((index, event)) =
            ready.next_if(|(_, next)| chunk.is_empty() || fits(chunk.len(), bytes, next))
        {
            bytes += event.bytes;
            indexes.push(index);
            chunk.push(event);
        }
        let since = Instant::now();
        match keep(outbox, chunk, bytes).await {
            Ok(kept) => {
                for (index, kept) in indexes.into_iter().zip(kept) {
                    fates[index] = Some(Fate::of(kept, since));
                }
            }
            Err(refusal) => {
                for index in indexes {
                    let error = refusal.clone().map_or(AppendError::Ended, AppendError::from);
                    fates[index] = Some(Fate::Settled(Err(error)));
                }
                return;
            }
        }
    }
}

fn fits(events: usize, bytes: usize, next: &Prepared) -> bool {
    events < CHUNK_EVENTS && bytes + next.bytes <= CHUNK_BYTES
}

/// Without a refusal, the outbox has ended.
async fn keep(outbox: &Outbox, events: Vec<Prepared>, bytes: usize) -> Result<Vec<Kept>, Option<Refusal>> {
    let room = outbox.shared.room.take(events.len(), bytes).ok_or(Some(Refusal::Full))?;
    let (answer, answered) = oneshot::channel::<Answer>();
    let request = Request { events, answer, room };
    outbox.queue.try_send(request).map_err(|_| Some(Refusal::Full))?;
    answered.await.map_err(|_| None)?.map_err(Some)
}

async fn wait(fate: Fate, limit: Duration) -> Result<Receipt, AppendError> {
    match fate {
        Fate::Settled(answer) => answer,
        Fate::Waiting { acknowledged, repeated, since } => {
            let deadline = tokio::time::Instant::from_std(since + limit);
            match tokio::time::timeout_at(deadline, acknowledged).await {
                Ok(Ok(Acknowledged { position, recorded_at, .. })) => {
                    histogram!(APPEND_SECONDS).record(since.elapsed());
                    Ok(Receipt { position, recorded_at, repeated })
                }
                Ok(Err(_)) => Err(AppendError::Ended),
                Err(_) => Err(AppendError::NotAcknowledged { limit }),
            }
        }
    }
}

impl Fate {
    fn of(kept: Kept, since: Instant) -> Fate {
        match (kept.enqueued, kept.acknowledged) {
            (Enqueued::Conflict { first }, _) => Fate::Settled(Err(AppendError::Conflict { first })),
            (Enqueued::Repeated { first: Some((position, recorded_at)), .. }, _) => {
                Fate::Settled(Ok(Receipt { position, recorded_at, repeated: true }))
            }
            (Enqueued::Repeated { .. }, Some(acknowledged)) => {
                Fate::Waiting { acknowledged, repeated: true, since }
            }
            (Enqueued::New { .. }, Some(acknowledged)) => {
                Fate::Waiting { acknowledged, repeated: false, since }
            }
            // neither a row nor a position: nothing that we write looks so
            (Enqueued::New { .. } | Enqueued::Repeated { .. }, None) => {
                Fate::Settled(Err(AppendError::Ended))
            }
        }
    }
}
