//! The ways in: straight to Kafka, or through the outbox.

use std::time::Duration;

use anyhow::Context as _;
use brainops_event::{Outgoing, Position};
use brainops_log::Appender;
use brainops_outbox::{Outbox, OutboxConfig, Relay, RelayError};
use clap::ValueEnum;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::stand::Stand;

/// How long the relay may take to lease its shards and to read the ends of their partitions.
const OPEN_LIMIT: Duration = Duration::from_secs(60);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoorName {
    /// The log's own appender.
    Direct,
    /// Reservation and outbox in Postgres, then the relay.
    Outbox,
}

/// A way in. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Door {
    Direct(Appender),
    Outbox(Outbox),
}

/// A way in and what stands behind it.
pub(crate) struct Opened {
    pub(crate) door: Door,
    relay: Option<(CancellationToken, JoinHandle<Result<(), RelayError>>)>,
}

impl Opened {
    /// Opens a way in; a relay runs in this process, as in `brainops serve`.
    pub(crate) async fn open(name: DoorName, stand: &Stand, database: &str) -> anyhow::Result<Self> {
        let (cluster, registry) = (stand.cluster()?, stand.registry()?);
        if name == DoorName::Direct {
            let door = Door::Direct(Appender::new(&cluster, &registry)?);
            return Ok(Self { door, relay: None });
        }
        let pool = stand.postgres(database).pool().await?;
        brainops_outbox::migrate(&pool).await?;
        let outbox = Outbox::open(&pool, &cluster, &registry, OutboxConfig::default()).await?;
        let stop = CancellationToken::new();
        let relay = tokio::spawn(Relay::new(&outbox, "bench".to_owned()).run(stop.clone()));
        outbox.opened(OPEN_LIMIT).await?;
        Ok(Self { door: Door::Outbox(outbox), relay: Some((stop, relay)) })
    }

    /// Ends what stands behind it.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        if let Some((stop, relay)) = self.relay {
            stop.cancel();
            relay.await??;
        }
        Ok(())
    }
}

impl Door {
    /// Appends one event and waits for its position.
    pub(crate) async fn append(&self, event: Outgoing) -> anyhow::Result<Position> {
        match self {
            Self::Direct(appender) => Ok(appender.append(event).await?.position),
            Self::Outbox(outbox) => {
                let answer = outbox.append_all(vec![event]).await.pop().context("no answer for an event")?;
                Ok(answer?.position)
            }
        }
    }

    /// Appends events in order, and waits until all of them stand.
    pub(crate) async fn append_all(&self, events: Vec<Outgoing>) -> anyhow::Result<()> {
        match self {
            Self::Direct(appender) => {
                appender.append_all(events).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            }
            Self::Outbox(outbox) => {
                outbox.append_all(events).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            }
        }
        Ok(())
    }
}
