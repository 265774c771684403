//! Leaves out what the index of events already holds: a delivery that is sent again (GitHub's redeliveries,
//! Alertmanager's repeats, a second run of an import over HTTP) answers with its first position and is not appended.
//!
//! Best effort, and rightly so: the index follows the log, so a repeat that comes before it was folded is appended, and
//! then dropped by every reader's duplicate rule. While Postgres is away everything is appended for the same reason.
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use brainops_event::{Outgoing, Timestamp};
use sqlx::PgPool;

use crate::append::{Acknowledged, Append, AppendFailure};

const FIRST_POSITIONS: &str = include_str!("../../../projections/events/queries/first_positions.sql");

/// Asks the index of events before it appends.
pub struct LeaveOutKnown {
    pool: PgPool,
    inner: Arc<dyn Append>,
}

type Identity = (String, String);

#[derive(Debug, sqlx::FromRow)]
struct FirstPosition {
    source: String,
    id: String,
    topic: String,
    partition: i32,
    log_offset: i64,
    recorded_at: Timestamp,
}

impl LeaveOutKnown {
    /// Appends through `inner` what the read model `events` behind `pool` does not hold yet.
    pub fn new(pool: PgPool, inner: Arc<dyn Append>) -> Self {
        Self { pool, inner }
    }

    async fn known(&self, events: &[Outgoing]) -> HashMap<Identity, Acknowledged> {
        let (sources, ids): (Vec<&str>, Vec<&str>) = events
            .iter()
            .map(|event| (event.envelope.source().as_str(), event.envelope.id().as_str()))
            .unzip();
        let found: Result<Vec<FirstPosition>, sqlx::Error> =
            sqlx::query_as(FIRST_POSITIONS).bind(sources).bind(ids).fetch_all(&self.pool).await;
        match found {
            Ok(found) => found.into_iter().map(FirstPosition::known).collect(),
            Err(error) => {
                tracing::warn!(%error, "the index of events cannot be asked; repeats are left to the readers");
                HashMap::new()
            }
        }
    }
}

impl FirstPosition {
    fn known(self) -> (Identity, Acknowledged) {
        let place = Acknowledged {
            topic: self.topic,
            partition: self.partition,
            offset: self.log_offset,
            recorded_at: self.recorded_at,
            repeated: true,
        };
        ((self.source, self.id), place)
    }
}

#[async_trait]
impl Append for LeaveOutKnown {
    fn check(&self, event: &Outgoing) -> Result<(), AppendFailure> {
        self.inner.check(event)
    }

    async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Acknowledged, AppendFailure>> {
        let known = self.known(&events).await;
        let mut fresh = Vec::new();
        let places: Vec<Option<Acknowledged>> = events
            .into_iter()
            .map(|event| {
                let identity = (event.envelope.source().to_string(), event.envelope.id().to_string());
                let place = known.get(&identity).cloned();
                if place.is_none() {
                    fresh.push(event);
                }
                place
            })
            .collect();
        let mut appended =
            if fresh.is_empty() { Vec::new() } else { self.inner.append_all(fresh).await }.into_iter();
        let next = |place: Option<Acknowledged>| match place {
            Some(place) => Some(Ok(place)),
            None => appended.next(),
        };
        places.into_iter().filter_map(next).collect()
    }
}
