//! Group commit: everything that came in while one transaction was under way shares the next.
//!
//! One task, one connection, one transaction at a time, in the order in which requests came. A request is kept whole
//! or not at all. When the connection breaks in mid-commit nobody knows what was kept: the callers are told to say
//! the same again, which answers what is there.

use std::sync::Arc;
use std::time::Duration;

use brainops_fault as fault;
use metrics::{counter, histogram};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::sync::{mpsc, oneshot};

use crate::error::{AppendError, NotOpen};
use crate::metrics::{APPENDED, CONFLICTS, GROUP_EVENTS, REFUSED, REPEATS};
use crate::outbox::Shared;
use crate::prepared::Prepared;
use crate::receipt::Enqueued;
use crate::reserve::{Shards, reserve};
use crate::room::{TableRoom, Taken};
use crate::waiters::Acknowledged;

/// What shares one transaction at most; a request that is larger has one of its own.
const GROUP_LIMIT: usize = 4_000;
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// When a caller may try again after the outbox was full.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long a transaction may take: a connection that hangs must not keep everybody for ever.
const KEEP_LIMIT: Duration = Duration::from_secs(30);
/// How long the committer waits for a relay after it lost sight of the database.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// Events of one caller to be kept together.
pub(crate) struct Request {
    pub(crate) events: Vec<Prepared>,
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) room: Taken,
}

pub(crate) type Answer = Result<Vec<Kept>, Refusal>;

/// What became of an event whose transaction was committed.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) enqueued: Enqueued,
    /// Tells of the acknowledgement, unless the position is known or there is a conflict.
    pub(crate) acknowledged: Option<oneshot::Receiver<Acknowledged>>,
}

/// Why a request was not kept, as far as is known.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Full,
    Database(Arc<sqlx::Error>),
    NotOpen(NotOpen),
}

impl From<Refusal> for AppendError {
    fn from(refusal: Refusal) -> AppendError {
        match refusal {
            Refusal::Full => AppendError::Full { retry_after: RETRY_AFTER },
            Refusal::Database(error) => AppendError::Database(error),
            Refusal::NotOpen(error) => AppendError::NotOpen(error),
        }
    }
}

pub(crate) struct Committer {
    shared: Arc<Shared>,
    connection: Option<PgConnection>,
    room: TableRoom,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Committer {
        let room = TableRoom::new(&shared.config);
        Committer { shared, connection: None, room }
    }

    /// Commits until nobody can send requests any more.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(first) => first,
                None => match requests.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let mut group = Group::of(first);
            while let Ok(request) = requests.try_recv() {
                if let Some(left) = group.take(request) {
                    next = Some(left);
                    break;
                }
            }
            self.commit(group.requests).await;
        }
    }

    async fn commit(&mut self, requests: Vec<Request>) {
        if let Err(error) = self.shared.opened(OPEN_LIMIT).await {
            return refuse(requests, &Refusal::NotOpen(error));
        }
        match tokio::time::timeout(KEEP_LIMIT, self.look(&requests)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return self.lost(requests, error),
            Err(_) => return self.lost(requests, sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        }
        let (fitting, full): (Vec<_>, Vec<_>) = requests.into_iter().partition(|request| {
            let bytes = request.events.iter().map(|event| event.bytes).sum();
            self.room.take(request.events.len(), bytes)
        });
        counter!(REFUSED).increment(full.iter().map(|request| request.events.len() as u64).sum());
        refuse(full, &Refusal::Full);
        if fitting.is_empty() {
            return;
        }
        match tokio::time::timeout(KEEP_LIMIT, self.keep(&fitting)).await {
            Ok(Ok(kept)) => self.answer(fitting, kept),
            Ok(Err(error)) => self.lost(fitting, error),
            Err(_) => self.lost(fitting, sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        }
    }

    async fn look(&mut self, requests: &[Request]) -> Result<(), sqlx::Error> {
        let (mut rows, mut bytes) = (0, 0);
        for event in requests.iter().flat_map(|request| &request.events) {
            rows += 1;
            bytes += event.bytes;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.connect().await?,
        };
        self.room.look(self.connection.insert(connection), rows, bytes).await
    }

    /// One transaction for all of them. Waiters are there before the rows can be seen by a relay.
    async fn keep(&mut self, requests: &[Request]) -> Result<Vec<Kept>, sqlx::Error> {
        let shared = Arc::clone(&self.shared);
        let events: Vec<&Prepared> = requests.iter().flat_map(|request| &request.events).collect();
        histogram!(GROUP_EVENTS).record(events.len() as f64);
        let Some(connection) = &mut self.connection else { return Err(sqlx::Error::PoolClosed) };
        let mut transaction = connection.begin().await?;
        let enqueued = reserve(&mut transaction, &events, &[], &Shards::default()).await?.enqueued;
        fault::point("outbox.reserved");
        let kept = enqueued.into_iter().map(|enqueued| {
            let row = match &enqueued {
                Enqueued::New { outbox_id } => Some(*outbox_id),
                Enqueued::Repeated { outbox_id, first: None } => *outbox_id,
                Enqueued::Repeated { .. } | Enqueued::Conflict { .. } => None,
            };
            Kept { enqueued, acknowledged: row.map(|row| shared.waiters.wait(row)) }
        });
        let kept = kept.collect();
        transaction.commit().await?;
        fault::point("outbox.committed");
        Ok(kept)
    }

    fn answer(&self, requests: Vec<Request>, kept: Vec<Kept>) {
        let events = requests.iter().flat_map(|request| &request.events);
        let new = events.zip(&kept).filter(|(_, kept)| matches!(kept.enqueued, Enqueued::New { .. }));
        self.shared.wake(new.map(|(event, _)| event.partition));
        let is_pending_repeat =
            |kept: &Kept| kept.acknowledged.is_some() && matches!(kept.enqueued, Enqueued::Repeated { .. });
        if kept.iter().any(is_pending_repeat) {
            self.shared.look.notify_one(); // it may have been acknowledged before we began to wait
        }
        count(&kept);
        let mut kept = kept.into_iter();
        for request in requests {
            let own = kept.by_ref().take(request.events.len()).collect();
            request.answer.send(Ok(own)).ok(); // the caller has left; the events are kept all the same
        }
    }

    /// The connection may be broken: the next transaction gets a new one.
    fn lost(&mut self, requests: Vec<Request>, error: sqlx::Error) {
        self.connection = None;
        self.shared.doubt();
        tracing::warn!(error = &error as &dyn std::error::Error, "events cannot be kept");
        refuse(requests, &Refusal::Database(Arc::new(error)));
    }
}

/// Requests that share a transaction.
struct Group {
    requests: Vec<Request>,
    events: usize,
    bytes: usize,
}

impl Group {
    fn of(first: Request) -> Group {
        let mut group = Group { requests: Vec::new(), events: 0, bytes: 0 };
        group.push(first);
        group
    }

    /// Takes another one; gives it back when the group is full.
    fn take(&mut self, request: Request) -> Option<Request> {
        let bytes: usize = request.events.iter().map(|event| event.bytes).sum();
        if self.events + request.events.len() > GROUP_LIMIT || self.bytes + bytes > GROUP_BYTES {
            return Some(request);
        }
        self.push(request);
        None
    }

    fn push(&mut self, request: Request) {
        self.events += request.events.len();
        self.bytes += request.events.iter().map(|event| event.bytes).sum::<usize>();
        self.requests.push(request);
    }
}

fn refuse(requests: Vec<Request>, refusal: &Refusal) {
    for request in requests {
        request.answer.send(Err(refusal.clone())).ok(); // the caller has left
        drop(request.room);
    }
}

fn count(kept: &[Kept]) {
    let of = |wanted: fn(&Enqueued) -> bool| kept.iter().filter(|kept| wanted(&kept.enqueued)).count() as u64;
    counter!(APPENDED).increment(of(|one| matches!(one, Enqueued::New { .. })));
    counter!(REPEATS).increment(of(|one| matches!(one, Enqueued::Repeated { .. })));
    counter!(CONFLICTS).increment(of(|one| matches!(one, Enqueued::Conflict { .. })));
}
