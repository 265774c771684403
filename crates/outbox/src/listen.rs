//! What other processes tell: that rows are new, that rows were acknowledged. Postgres carries it (LISTEN, NOTIFY);
//! whoever misses it looks by himself a second later.
//!
//! Notifications are sent in transactions that write nothing: one that writes would hold a lock of the whole server
//! while its commit reaches the disk.

use std::sync::Arc;
use std::time::Duration;

use brainops_event::{Offset, Partition, Position, TopicName};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{PgPool, Row as _};
use tokio_util::sync::CancellationToken;

use crate::outbox::Shared;
use crate::reserve::impossible;
use crate::waiters::Acknowledged;

/// Said by whoever queued rows of a shard that another process has.
pub(crate) const ROWS: &str = "brainops_outbox_rows";
/// Said by relays after they marked rows.
pub(crate) const MARKS: &str = "brainops_outbox_marks";
/// How often those who wait look by themselves, and how long they have waited by then.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many rows are looked at in one statement.
const LOOK_ROWS: usize = 5_000;

pub(crate) struct Listener {
    shared: Arc<Shared>,
}

/// Why the listener stirs.
enum Stir {
    Heard(String),
    Look,
    Call,
    Tick,
    Lost,
}

impl Listener {
    pub(crate) fn new(shared: Arc<Shared>) -> Listener {
        Listener { shared }
    }

    /// Listens until the last handle is dropped.
    pub(crate) async fn run(self, ended: CancellationToken) {
        ended.run_until_cancelled(self.listen()).await;
    }

    async fn listen(self) {
        // a pool of its own: the listener keeps its connection, and the caller's pool may be small
        let options = self.shared.pool.connect_options().as_ref().clone();
        let own = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        let mut listener = None;
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if listener.is_none() {
                listener = connect(&own).await;
                // what was said in between was missed
                self.hear(ROWS, &own).await;
                self.hear(MARKS, &own).await;
            }
            let stir = tokio::select! {
                heard = hear(listener.as_mut()) => heard,
                () = self.shared.look.notified() => Stir::Look,
                () = self.shared.call.notified() => Stir::Call,
                _ = tick.tick() => Stir::Tick,
            };
            match stir {
                Stir::Heard(channel) => self.hear(&channel, &own).await,
                Stir::Look => self.look(&own, Duration::ZERO).await,
                Stir::Call => say(&own, ROWS).await,
                Stir::Tick => self.look(&own, LOOK_EVERY).await,
                Stir::Lost => listener = None,
            }
        }
    }

    async fn hear(&self, channel: &str, pool: &PgPool) {
        if channel == ROWS {
            for wake in &self.shared.wakes {
                wake.maybe.notify_one();
            }
        } else if !self.shared.holds_all() {
            for wake in &self.shared.wakes {
                wake.gates.notify_one();
            }
            self.look(pool, Duration::ZERO).await;
        }
    }

    /// Looks at the rows that somebody waits for, at least that long.
    async fn look(&self, pool: &PgPool, age: Duration) {
        let rows = self.shared.waiters.longer_than(age, LOOK_ROWS);
        if rows.is_empty() {
            return;
        }
        match acknowledged(pool, &rows).await {
            Ok(found) => self.shared.waiters.answer(&found),
            Err(error) => tracing::debug!(%error, "acknowledgements cannot be read, they will be"),
        }
    }
}

/// Says something to all who listen.
pub(crate) async fn say(pool: &PgPool, channel: &str) {
    let said = sqlx::query("SELECT pg_notify($1, '')").bind(channel).execute(pool).await;
    if let Err(error) = said {
        tracing::debug!(%error, channel, "nobody was told, all will see by themselves");
    }
}

async fn connect(pool: &PgPool) -> Option<PgListener> {
    let connected = async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all([ROWS, MARKS]).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    match connected.await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::debug!(%error, "nothing can be heard for now");
            None
        }
    }
}

/// The next that is said. Without a connection, nothing: the ticks go on, and each tries to connect.
async fn hear(listener: Option<&mut PgListener>) -> Stir {
    let Some(listener) = listener else {
        tokio::time::sleep(LOOK_EVERY).await;
        return Stir::Lost;
    };
    match listener.try_recv().await {
        Ok(Some(said)) => Stir::Heard(said.channel().to_owned()),
        Ok(None) | Err(_) => Stir::Lost,
    }
}

async fn acknowledged(pool: &PgPool, rows: &[i64]) -> Result<Vec<Acknowledged>, sqlx::Error> {
    let rows = sqlx::query(include_str!("sql/acknowledged.sql")).bind(rows).fetch_all(pool).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let topic = TopicName::new(row.try_get("topic")?).map_err(|_| impossible("topic"))?;
        let partition = Partition::new(row.try_get("partition")?).map_err(|_| impossible("partition"))?;
        let offset = Offset::new(row.try_get("log_offset")?).map_err(|_| impossible("log_offset"))?;
        let position = Position { topic, partition, offset };
        Ok(Acknowledged {
            outbox_id: row.try_get("outbox_id")?,
            position,
            recorded_at: row.try_get::<Option<_>, _>("recorded_at")?.unwrap_or_default(),
        })
    };
    rows.iter().map(read).collect()
}
