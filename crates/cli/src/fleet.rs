//! The services of this installation, each with who provides it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use brainops_deploy::host::{HostClient, Manifest, ServiceSpec};
use brainops_deploy::{Fleet, Provider, ServiceKey};

use crate::context::Context;
use crate::secrets::read_secret;
use crate::settings::HostSettings;

/// All of them.
pub fn fleet(context: &Context) -> anyhow::Result<Fleet> {
    let Some(host) = &context.settings().deploy.host else { return Ok(Fleet::default()) };
    let manifest = Manifest::read(&host.manifest).context("deploy.host.manifest")?;
    let token = read_secret(&context.state().host_token())?;
    let client: Arc<dyn Provider> = Arc::new(HostClient::new(host.listen, token)?);
    let keys = manifest.service.iter().map(ServiceSpec::key);
    Ok(Fleet::new(keys.map(|key| (key, Arc::clone(&client)))))
}

/// The services of this machine, each with the file to which the host's proxy appends how requests were answered.
pub fn access_logs(context: &Context) -> anyhow::Result<Vec<(ServiceKey, PathBuf)>> {
    let Some(host) = &context.settings().deploy.host else { return Ok(Vec::new()) };
    let manifest = Manifest::read(&host.manifest).context("deploy.host.manifest")?;
    let folder = host_folder(context, host);
    let keys = manifest.service.iter().map(ServiceSpec::key);
    Ok(keys.map(|key| (key.clone(), brainops_deploy::host::access_log(&folder, &key))).collect())
}

/// Where the host keeps trees, logs and states.
pub fn host_folder(context: &Context, host: &HostSettings) -> PathBuf {
    host.folder.clone().unwrap_or_else(|| context.settings().state.folder.join("host"))
}
