//! `brainops host`

use anyhow::{Context as _, bail};
use brainops_deploy::host::{HostApi, Manifest, RunningHost};
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::fleet::host_folder;
use crate::secrets::read_secret;
use crate::serving::listen_for_stop;

/// Runs the services of this machine until SIGTERM or SIGINT: builds them from commits, looks whether they are healthy, and sends
/// them requests.
///
/// What is deployed, and what is taken back, the tools deploy.start and deploy.rollback say: some process must run the role tools.
/// What served when the host ended serves again when it begins. Logs go to standard error.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops host &\n  brainops tool call deploy.start service=shop environment=local revision=main\n\nThe services stand in \
                        the file deploy.host.manifest:\n  [[service]]\n  name = \"shop\"\n  repository = \"../shop\"\n  listen = \
                        \"127.0.0.1:9000\"\n  start = [\"python3\", \"-m\", \"shop\"]   # it listens at the port in PORT\n  health = \"/healthz\""
)]
pub struct Arguments {}

pub async fn run(context: &Context, Arguments {}: Arguments) -> anyhow::Result<Exit> {
    let Some(settings) = &context.settings().deploy.host else {
        bail!("deploy.host.manifest is not set: it names the services of this machine");
    };
    let stop = listen_for_stop()?;
    context.state().must_exist()?;
    let token = read_secret(&context.state().host_token())?;
    let manifest = Manifest::read(&settings.manifest).context("deploy.host.manifest")?;
    let host = RunningHost::start(manifest, &host_folder(context, settings)).await?;
    let api = HostApi::bind(host.provider(), settings.listen, &token).await?;
    tracing::info!(address = %api.local_addr(), "the host takes requests");
    let ended = api.run(stop).await;
    host.stop().await;
    tracing::info!("stopped");
    ended?;
    Ok(Exit::Done)
}
