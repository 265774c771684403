//! The role `api`: the doors, and what stands behind them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use brainops_server::{Probe, Secret, Secrets, Server, ServerParts};
use brainops_task::{TaskOptions, Tasks};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinSet;

use super::moments::MomentDesk;
use super::probes::{KafkaProbe, RegistryProbe};
use super::{Ground, Role};
use crate::context::{Context, SchemaSource, topic_names};
use crate::read_models;

/// Any topic of ours tells whether Kafka answers.
const PROBED_TOPIC: &str = "projection";

/// Opens the doors, and answers in a task.
pub async fn start_api(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    ground: &Ground,
    metrics: PrometheusHandle,
) -> anyhow::Result<SocketAddr> {
    let (keys, state) = (context.keys()?, context.state());
    // Connections of their own: whoever asks must not wait until folds have given theirs back.
    let pool = context.pool().await?;
    let shop = context.workshop_on(pool.clone())?;
    let parts = ServerParts {
        agents: Arc::new((pool.clone(), ground.outbox.clone())),
        tasks: Arc::new(Tasks::new(pool.clone(), ground.outbox.clone(), TaskOptions::default())),
        pool,
        appender: Arc::new(ground.outbox.clone()),
        moments: Arc::new(MomentDesk::new(shop, read_models::all())),
        keys: keys.clone(),
        sealer: keys,
        secrets: Secrets {
            operator_token: Secret::from_file(&state.api_token())?,
            github_webhook: Secret::from_file(&state.github_webhook_secret())?,
        },
        metrics,
        probes: probes(context, ground)?,
    };
    let server = Server::bind(context.settings().server.clone(), parts).await?;
    let address = server.local_addr();
    let stop = ground.stop.clone();
    tasks.spawn(async move {
        let ended = server.run(stop).await;
        ended.with_context(|| format!("role {}: the doors are closed", Role::Api.name()))
    });
    Ok(address)
}

/// The registry is asked only where schemas come from it.
fn probes(context: &Context, ground: &Ground) -> anyhow::Result<Vec<Box<dyn Probe>>> {
    let cluster = &ground.cluster;
    let kafka = KafkaProbe { cluster: cluster.clone(), topics: topic_names(cluster, &[PROBED_TOPIC])? };
    let mut probes: Vec<Box<dyn Probe>> = vec![Box::new(kafka)];
    if context.schemas == SchemaSource::Service {
        probes.push(Box::new(RegistryProbe(context.settings().registry.clone())));
    }
    Ok(probes)
}
