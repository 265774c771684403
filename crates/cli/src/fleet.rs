//! The services of this installation, each with who provides it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use brainops_deploy::host::{HostClient, Manifest, ServiceSpec};
use brainops_deploy::{Fleet, Provider, Render, ServiceKey, Vercel};

use crate::context::Context;
use crate::secrets::read_secret;
use crate::settings::{HostSettings, HostedService, RenderSettings, VercelSettings};

/// All of them. A service that two providers have is refused.
pub fn fleet(context: &Context) -> anyhow::Result<Fleet> {
    let deploy = &context.settings().deploy;
    let mut services: Vec<(ServiceKey, Arc<dyn Provider>)> = Vec::new();
    if let Some(host) = &deploy.host {
        let manifest = Manifest::read(&host.manifest).context("deploy.host.manifest")?;
        let token = read_secret(&context.state().host_token())?;
        let client: Arc<dyn Provider> = Arc::new(HostClient::new(host.listen, token)?);
        services.extend(manifest.service.iter().map(|spec| (spec.key(), Arc::clone(&client))));
    }
    if let Some(RenderSettings { token_file, url, service }) = &deploy.render {
        let token = read_secret(token_file).context("deploy.render.token_file")?;
        let render: Arc<dyn Provider> = Arc::new(Render::new(url, token, ids(service))?);
        services.extend(ids(service).map(|(key, _)| (key, Arc::clone(&render))));
    }
    if let Some(VercelSettings { token_file, team, url, service }) = &deploy.vercel {
        let token = read_secret(token_file).context("deploy.vercel.token_file")?;
        let vercel: Arc<dyn Provider> = Arc::new(Vercel::new(url, (token, team.clone()), ids(service))?);
        services.extend(ids(service).map(|(key, _)| (key, Arc::clone(&vercel))));
    }
    let mut known = BTreeSet::new();
    for (key, _) in &services {
        ensure!(known.insert(key), "deploy: {key} is there twice, accepted is one provider for each service");
    }
    Ok(Fleet::new(services))
}

fn ids(services: &[HostedService]) -> impl Iterator<Item = (ServiceKey, String)> {
    services.iter().map(|one| {
        let key = ServiceKey { service: one.service.clone(), environment: one.environment.clone() };
        (key, one.id.clone())
    })
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
