//! The handle: what all who append share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use brainops_event::{Outgoing, Partition};
use brainops_log::{Cluster, Registry};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, PgPool, Row as _};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::append::append_all;
use crate::committer::{Committer, Request};
use crate::config::OutboxConfig;
use crate::error::{AppendError, NotOpen, OutboxError};
use crate::gates::Gates;
use crate::handover::{Handoff, shard_of};
use crate::listen::Listener;
use crate::places::Places;
use crate::prepared::{Prepared, Preparer};
use crate::receipt::Receipt;
use crate::room::QueueRoom;
use crate::shards::ensure_shards;
use crate::state::{closed, shards};
use crate::waiters::Waiters;

/// How often it is looked whether the outbox is open.
const LOOK: Duration = Duration::from_millis(50);
/// How many requests may wait for their transaction, whatever their size.
const QUEUE_REQUESTS: usize = 20_000;

/// The way in. Cheap to clone; clones share one committer, so that many small appends share one commit.
#[derive(Clone)]
pub struct Outbox {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: mpsc::Sender<Request>,
    _tasks: Arc<DropGuard>,
}

/// What the handle, its committer and a relay of the same process share.
pub(crate) struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) cluster: Cluster,
    pub(crate) registry: Registry,
    pub(crate) config: OutboxConfig,
    pub(crate) places: Places,
    pub(crate) waiters: Waiters,
    pub(crate) gates: Gates,
    pub(crate) room: QueueRoom,
    pub(crate) wakes: Vec<Wake>,
    /// By shard.
    pub(crate) handoffs: Vec<Handoff>,
    /// Somebody waits for a row that may be acknowledged already.
    pub(crate) look: Notify,
    /// A relay of another process may be asleep.
    pub(crate) call: Notify,
    opened: AtomicBool,
}

/// How a relay of this process is woken.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    /// There are rows of this shard.
    pub(crate) rows: Notify,
    /// There may be.
    pub(crate) maybe: Notify,
    /// A gate may have opened that rows of this shard wait for.
    pub(crate) gates: Notify,
    /// Whether a relay of this process has the shard.
    pub(crate) held: AtomicBool,
}

impl Outbox {
    /// Opens the way in. Waits for nobody: [`Outbox::opened`] tells when appends are taken.
    ///
    /// # Errors
    /// A setting cannot be true, the tables are not there, or the number of shards is another than before.
    pub async fn open(
        pool: &PgPool,
        cluster: &Cluster,
        registry: &Registry,
        config: OutboxConfig,
    ) -> Result<Outbox, OutboxError> {
        config.check()?;
        ensure_shards(pool, config.shards).await?;
        let shared = Arc::new(Shared {
            pool: pool.clone(),
            cluster: cluster.clone(),
            registry: registry.clone(),
            places: Places::new(cluster, pool),
            waiters: Waiters::default(),
            gates: Gates::default(),
            room: QueueRoom::new(),
            wakes: (0..config.shards).map(|_| Wake::default()).collect(),
            handoffs: (0..config.shards).map(|_| Handoff::default()).collect(),
            look: Notify::new(),
            call: Notify::new(),
            opened: AtomicBool::new(false),
            config,
        });
        let (queue, requests) = mpsc::channel(QUEUE_REQUESTS);
        let ended = CancellationToken::new();
        tokio::spawn(Committer::new(Arc::clone(&shared)).run(requests));
        tokio::spawn(Listener::new(Arc::clone(&shared)).run(ended.clone()));
        Ok(Outbox { shared, queue, _tasks: Arc::new(ended.drop_guard()) })
    }

    /// Waits until every shard has a live relay that has read the ends of its partitions: what a database that was
    /// restored from a backup has forgotten is then reserved again.
    ///
    /// # Errors
    /// It is not so within `limit`; the error names the shards.
    pub async fn opened(&self, limit: Duration) -> Result<(), NotOpen> {
        self.shared.opened(limit).await
    }

    /// Reserves and keeps events in order, and waits for Kafka's acknowledgement of each. What is refused does not
    /// keep back the others; after the first that cannot be kept, none is.
    pub async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Receipt, AppendError>> {
        append_all(self, events).await
    }

    /// Makes events ready for [`crate::enqueue`], in order.
    pub async fn prepare(&self, events: Vec<Outgoing>) -> Vec<Result<Prepared, AppendError>> {
        let Shared { cluster, registry, places, .. } = &*self.shared;
        let mut preparer = Preparer::new(cluster, registry, places);
        let mut all = Vec::with_capacity(events.len());
        for event in events {
            all.push(preparer.prepare(event).await);
        }
        all
    }

    /// Whether fewer events wait for Kafka than may: who enqueues in transactions of its own asks before it begins one.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn has_room(&self) -> Result<bool, sqlx::Error> {
        let row = sqlx::query(include_str!("sql/pending.sql")).fetch_one(&self.shared.pool).await?;
        let OutboxConfig { max_pending, max_pending_bytes, .. } = self.shared.config;
        let (rows, bytes): (i64, i64) = (row.try_get("pending_rows")?, row.try_get("pending_bytes")?);
        Ok(rows.unsigned_abs() < max_pending && bytes.unsigned_abs() < max_pending_bytes)
    }

    /// Tells the relays, wherever they are, that there are new rows. To be called after the commit of a transaction
    /// that enqueued some.
    pub fn wake(&self) {
        self.shared.wake_all();
    }

    /// The same for new rows of these partitions alone: whoever sends to others need not look.
    pub fn wake_for(&self, partitions: impl IntoIterator<Item = Partition>) {
        self.shared.wake(partitions.into_iter());
    }
}

impl Shared {
    pub(crate) async fn opened(&self, limit: Duration) -> Result<(), NotOpen> {
        let deadline = Instant::now() + limit;
        loop {
            if self.opened.load(Ordering::Acquire) {
                return Ok(());
            }
            let closed = match shards(&self.pool).await {
                Ok(shards) => closed(&shards),
                Err(error) => Some(format!("postgres does not tell: {error}")),
            };
            match closed {
                None => self.opened.store(true, Ordering::Release),
                Some(shards) if Instant::now() >= deadline => return Err(NotOpen { shards }),
                Some(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// The connection was lost: perhaps the database is another when it comes back.
    pub(crate) fn doubt(&self) {
        self.opened.store(false, Ordering::Release);
    }

    /// A connection of its own, outside of the pool: for tasks that need one all the time.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.options().connect().await
    }

    /// The same for a relay, whose every statement finds its rows by a key: statistics of a queue are always wrong.
    pub(crate) async fn connect_by_key(&self) -> Result<PgConnection, sqlx::Error> {
        let by_key = [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];
        self.options().options(by_key).connect().await
    }

    fn options(&self) -> PgConnectOptions {
        let options: PgConnectOptions = (*self.pool.connect_options()).clone();
        let lease = format!("{}ms", self.config.lease_ms);
        options.options([
            ("synchronous_commit", "on"),
            // who is stopped in mid-transaction must not keep the shard from others
            ("idle_in_transaction_session_timeout", lease.as_str()),
            ("work_mem", "32MB"),
        ])
    }

    /// Tells the relays of these partitions' shards that they have rows.
    pub(crate) fn wake(&self, partitions: impl Iterator<Item = Partition>) {
        let mut called = vec![false; self.wakes.len()];
        for partition in partitions {
            let shard = shard_of(partition, self.wakes.len());
            if !std::mem::replace(&mut called[shard], true) {
                self.wakes[shard].rows.notify_one();
            }
        }
        let elsewhere = |(wake, called): (&Wake, bool)| called && !wake.held.load(Ordering::Acquire);
        if self.wakes.iter().zip(called).any(elsewhere) {
            self.call.notify_one();
        }
    }

    /// These rows stand in the log: relays of this process that wait for one of them go on.
    pub(crate) fn stand_in_the_log(&self, rows: impl IntoIterator<Item = i64>) {
        for shard in self.gates.opened(rows) {
            if let Some(wake) = self.wakes.get(usize::from(shard)) {
                wake.gates.notify_one();
            }
        }
    }

    /// Tells all relays that they may have rows.
    fn wake_all(&self) {
        for wake in &self.wakes {
            wake.maybe.notify_one();
        }
        if !self.holds_all() {
            self.call.notify_one();
        }
    }

    /// Whether every shard's relay is in this process.
    pub(crate) fn holds_all(&self) -> bool {
        self.wakes.iter().all(|wake| wake.held.load(Ordering::Acquire))
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Outbox").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
