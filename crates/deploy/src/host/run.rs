//! The host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::manifest::{Manifest, ServiceSpec};
use super::proxy;
use super::service::Service;
use crate::fleet::unknown_service;
use crate::provider::{Deployed, Provider, ProviderError, ServiceKey, ServiceStatus, StartRequest};

/// The host cannot begin, or go on.
#[derive(Debug, Error)]
pub enum HostError {
    /// Its folder cannot be used.
    #[error("the folder {path} of a service cannot be used")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The requests of a service cannot be taken.
    #[error("the requests of {service} cannot be taken at {listen}")]
    Listen {
        /// Which service.
        service: ServiceKey,
        /// Where.
        listen: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The services of this machine, as a provider. Cheap to clone.
#[derive(Clone)]
pub struct LocalHost {
    services: Arc<BTreeMap<ServiceKey, Arc<Service>>>,
}

/// A host that runs: its proxies take requests until it is stopped.
pub struct RunningHost {
    host: LocalHost,
    proxies: JoinSet<std::io::Result<()>>,
    stop: CancellationToken,
}

impl RunningHost {
    /// Begins: takes the requests of all services, and starts again what was deployed before. `folder` keeps what outlives it.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn start(manifest: Manifest, folder: &Path) -> Result<Self, HostError> {
        let (mut services, mut proxies, stop) = (BTreeMap::new(), JoinSet::new(), CancellationToken::new());
        for spec in manifest.service {
            let (key, service) = open(spec, folder)?;
            let listen = service.spec.listen;
            let listener = TcpListener::bind(listen).await;
            let listener =
                listener.map_err(|source| HostError::Listen { service: key.clone(), listen, source })?;
            proxies.spawn(proxy::run(listener, service.serving(), access_log(folder, &key), stop.clone()));
            services.insert(key, service);
        }
        let host = LocalHost { services: Arc::new(services) };
        futures::future::join_all(host.services.values().map(Service::restore)).await;
        Ok(Self { host, proxies, stop })
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> LocalHost {
        self.host.clone()
    }

    /// Ends it, and all that it has started.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.proxies.abort_all();
        while self.proxies.join_next().await.is_some() {}
        futures::future::join_all(self.host.services.values().map(|service| service.stop())).await;
    }
}

/// The file to which the proxy of a service appends a line for each request: JSON with `at`, `deployment_id`, `status` and `ms`.
#[must_use]
pub fn access_log(folder: &Path, key: &ServiceKey) -> PathBuf {
    service_folder(folder, key).join("access.log")
}

fn service_folder(folder: &Path, key: &ServiceKey) -> PathBuf {
    folder.join(&key.service).join(&key.environment)
}

fn open(spec: ServiceSpec, folder: &Path) -> Result<(ServiceKey, Arc<Service>), HostError> {
    let key = spec.key();
    let path = service_folder(folder, &key);
    let service = Service::new(spec, path.clone()).map_err(|source| HostError::Folder { path, source })?;
    Ok((key, service))
}

impl LocalHost {
    fn service(&self, key: &ServiceKey) -> Result<&Arc<Service>, ProviderError> {
        self.services.get(key).ok_or_else(|| unknown_service(key, self.services.keys()))
    }
}

#[async_trait]
impl Provider for LocalHost {
    async fn status(&self, service: &ServiceKey) -> Result<ServiceStatus, ProviderError> {
        Ok(self.service(service)?.status().await)
    }

    async fn start(&self, service: &ServiceKey, request: &StartRequest) -> Result<Deployed, ProviderError> {
        self.service(service)?.start(request).await
    }

    async fn rollback(&self, service: &ServiceKey, from: &str) -> Result<Deployed, ProviderError> {
        self.service(service)?.rollback(from).await
    }

    async fn logs(
        &self,
        service: &ServiceKey,
        deployment: &str,
        lines: usize,
    ) -> Result<Vec<String>, ProviderError> {
        self.service(service)?.logs(deployment, lines).await
    }
}
