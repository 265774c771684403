//! `brainops serve`

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::task::JoinSet;

use crate::context::Context;
use crate::exit::Exit;
use crate::serving::{
    Ground, Role, Stop, listen_for_stop, start_api, start_projectors, start_relay, start_replay, start_sagas,
    start_sensors, start_tasks, start_tools,
};

/// How long the roles may take to end after they were told to.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Runs the service until SIGTERM or SIGINT, which let it finish what it has in hand; a second one ends it at once.
///
/// Logs go to standard error; RUST_LOG says how much, such as `info` or `brainops_log=debug,warn`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops serve\n  brainops serve --roles api,relay\n\nEach role may run in several processes, and some process \
                        must have the role relay: without one, events are\nkept and not sent. The doors listen on server.listen; ask \
                        GET /readyz whether all is well."
)]
pub struct Arguments {
    /// What this process does, with commas between; by default everything.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Role::Api, Role::Projectors, Role::Replay, Role::Sagas, Role::Tasks, Role::Tools, Role::Sensors, Role::Relay])]
    roles: Vec<Role>,
}

pub async fn run(context: &Context, Arguments { roles }: Arguments) -> anyhow::Result<Exit> {
    let stop = listen_for_stop()?;
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics cannot be recorded")?;
    brainops_outbox::describe_metrics();
    brainops_saga::describe_metrics();
    brainops_task::describe_metrics();
    brainops_tools::describe_metrics();
    brainops_sensor::describe_metrics();
    context.state().must_exist()?;
    let ground = Ground::new(context, stop).await?;
    let roles: BTreeSet<Role> = roles.into_iter().collect();
    let mut tasks = JoinSet::new();
    for role in &roles {
        match role {
            Role::Api => {
                let address = start_api(&mut tasks, context, &ground, metrics.clone()).await?;
                tracing::info!(role = role.name(), %address, "started");
            }
            Role::Projectors => {
                start_projectors(&mut tasks, &ground).await?;
                tracing::info!(role = role.name(), "started");
            }
            Role::Replay => {
                start_replay(&mut tasks, context, &ground.stop).await?;
                tracing::info!(role = role.name(), "started");
            }
            Role::Sagas => {
                start_sagas(&mut tasks, context, &ground).await?;
                tracing::info!(role = role.name(), "started");
            }
            Role::Tasks => {
                start_tasks(&mut tasks, context, &ground).await?;
                tracing::info!(role = role.name(), "started");
            }
            Role::Tools => {
                start_tools(&mut tasks, context, &ground).await?;
                tracing::info!(role = role.name(), "started");
            }
            Role::Sensors => {
                start_sensors(&mut tasks, context, &ground)?;
                tracing::info!(role = role.name(), "started");
            }
            Role::Relay => {
                start_relay(&mut tasks, &ground);
                tracing::info!(role = role.name(), "started");
            }
        }
    }
    let all_well = until_stopped(tasks, &ground.stop).await;
    ground.pool.close().await;
    Ok(if all_well { Exit::Done } else { Exit::Failed })
}

/// Waits for every task. One that fails is told and leaves the others running; when none is left, that is the end.
async fn until_stopped(mut tasks: JoinSet<anyhow::Result<()>>, stop: &Stop) -> bool {
    let mut all_well = true;
    let stopping = stop.clone();
    let late = async {
        stopping.cancelled().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::pin!(late);
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    tracing::error!(error = %format!("{error:#}"), "a role has failed");
                    all_well = false;
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "a role has died");
                    all_well = false;
                }
            },
            () = &mut late => {
                tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), left = tasks.len(), "not everything ended in time");
                tasks.abort_all();
                return false;
            }
        }
    }
    tracing::info!("stopped");
    all_well
}
