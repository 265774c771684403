//! One shard's life in one process: waiting for the lease, sessions one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_fault as fault;
use metrics::counter;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use super::end::SessionEnd;
use super::lease::{Lease, Taking};
use super::session::Session;
use crate::metrics::{LEASES_TAKEN, SESSIONS_FAILED};
use crate::outbox::Shared;
use crate::recovery::Place;

/// How often a lease that somebody else has is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long Postgres may take to say whether the lease can be had: who had it may hold its row in mid-transaction.
const TAKE_LIMIT: Duration = Duration::from_secs(10);
/// Pauses between sessions that fail double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A session that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(10);
/// How long a partition that Kafka refused is left alone.
const REFUSED_FOR: Duration = Duration::from_secs(60);

pub(crate) struct Shard {
    shared: Arc<Shared>,
    shard: u16,
    holder: String,
    shutdown: CancellationToken,
    /// Partitions that Kafka refused, until when, and why.
    refused: BTreeMap<Place, (Instant, String)>,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>, shard: u16, holder: String, shutdown: CancellationToken) -> Shard {
        Shard { shared, shard, holder, shutdown, refused: BTreeMap::new() }
    }

    /// Until shutdown is asked for.
    pub(crate) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        while !self.shutdown.is_cancelled() {
            let began = Instant::now();
            let wait = match self.hold_once().await {
                Ok(None) => Duration::ZERO,
                Ok(Some(left)) => left.clamp(Duration::from_millis(10), LOOK_EVERY),
                Err(end) => {
                    self.note(&end);
                    pause =
                        if began.elapsed() >= GOOD { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
                    pause
                }
            };
            self.shutdown.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    /// One session; or how long somebody else has the lease at least.
    async fn hold_once(&mut self) -> Result<Option<Duration>, SessionEnd> {
        let taking =
            tokio::time::timeout(TAKE_LIMIT, self.take()).await.unwrap_or(Err(SessionEnd::NoAnswer))?;
        let (connection, lease) = match taking {
            (connection, Taking::Taken(lease)) => (connection, lease),
            (_, Taking::Held(left)) => return Ok(Some(left)),
        };
        fault::point("relay.lease_taken");
        counter!(LEASES_TAKEN, "shard" => self.shard.to_string()).increment(1);
        tracing::info!(shard = self.shard, epoch = lease.epoch, holder = %self.holder, "a shard is taken");
        let now = Instant::now();
        self.refused.retain(|_, (until, _)| *until > now);
        let refused = self.refused.iter().map(|(place, (_, why))| (place.clone(), why.clone())).collect();
        let session = Session::begin(&self.shared, connection, lease, &refused).await?;
        session.run(&self.shutdown).await?;
        Ok(None)
    }

    async fn take(&self) -> Result<(PgConnection, Taking), SessionEnd> {
        let mut connection = self.shared.connect_by_key().await?;
        let length = self.shared.config.lease();
        let taking = Lease::take(&mut connection, self.shard, &self.holder, length).await?;
        Ok((connection, taking))
    }

    fn note(&mut self, end: &SessionEnd) {
        counter!(SESSIONS_FAILED, "shard" => self.shard.to_string()).increment(1);
        let shard = self.shard;
        tracing::warn!(
            shard,
            error = end as &dyn std::error::Error,
            "a relay's session ended, the next one reads what stands"
        );
        if let SessionEnd::Delivery { place, source, outbox_id } = end
            && source.refused
        {
            let why = format!("kafka refuses row {outbox_id} of {}/{}: {}", place.0, place.1, source.source);
            self.refused.insert(place.clone(), (Instant::now() + REFUSED_FOR, why));
        }
    }
}
