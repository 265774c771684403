//! A process that runs the agent under test, with relay and timers, as the roles `sagas` and `relay` of `brainops serve` do.

use anyhow::Context as _;
use brainops_outbox::{Outbox, OutboxConfig, Relay};
use brainops_saga::{Cast, SagaOptions, Stage, fire_timers};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::stepper::Stepper;
use crate::stand::Stand;

#[derive(Args)]
pub(crate) struct Agents {
    /// The database.
    #[arg(long)]
    database: String,
}

pub(crate) async fn run(asked: Agents) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let (cluster, registry) = (stand.cluster()?, stand.registry()?);
    let pool = stand.postgres(&asked.database).pool().await?;
    brainops_outbox::migrate(&pool).await?;
    brainops_saga::migrate(&pool).await?;
    let outbox = Outbox::open(&pool, &cluster, &registry, OutboxConfig::default()).await?;
    let stop = CancellationToken::new();
    let asked_to_stop = stop.clone();
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminated.recv().await;
        asked_to_stop.cancel();
    });
    let relay = Relay::new(&outbox, "bench".to_owned()).run(stop.clone());
    let stage = Stage { pool: pool.clone(), cluster, registry, outbox: outbox.clone() };
    let sagas = brainops_saga::run(Cast::of(Stepper)?, stage, SagaOptions::default(), stop.clone());
    let timers = fire_timers(pool, outbox, stop);
    let (relayed, ran, fired) = tokio::join!(relay, sagas, timers);
    relayed.context("the relay")?;
    ran.context("the agent")?;
    fired.context("the timers")
}
