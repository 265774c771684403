//! All services, each with who provides it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::provider::{Deployed, Provider, ProviderError, ServiceKey, ServiceStatus, StartRequest};

/// The services that are known, as one provider. Cheap to clone.
#[derive(Clone, Default)]
pub struct Fleet {
    services: Arc<BTreeMap<ServiceKey, Arc<dyn Provider>>>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.services.keys()).finish()
    }
}

impl Fleet {
    /// These services; of two that are the same the later counts.
    pub fn new(services: impl IntoIterator<Item = (ServiceKey, Arc<dyn Provider>)>) -> Self {
        Self { services: Arc::new(services.into_iter().collect()) }
    }

    /// Which there are, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    fn of(&self, key: &ServiceKey) -> Result<&Arc<dyn Provider>, ProviderError> {
        self.services.get(key).ok_or_else(|| unknown_service(key, self.keys()))
    }
}

/// There is no such service.
pub(crate) fn unknown_service<'a>(
    key: &ServiceKey,
    known: impl Iterator<Item = &'a ServiceKey>,
) -> ProviderError {
    let known: Vec<String> = known.map(ToString::to_string).collect();
    let accepted = if known.is_empty() { "none: none is configured".to_owned() } else { known.join(", ") };
    ProviderError::Unknown { what: format!("the service {key}"), accepted }
}

#[async_trait]
impl Provider for Fleet {
    async fn status(&self, service: &ServiceKey) -> Result<ServiceStatus, ProviderError> {
        self.of(service)?.status(service).await
    }

    async fn start(&self, service: &ServiceKey, request: &StartRequest) -> Result<Deployed, ProviderError> {
        self.of(service)?.start(service, request).await
    }

    async fn rollback(&self, service: &ServiceKey, from: &str) -> Result<Deployed, ProviderError> {
        self.of(service)?.rollback(service, from).await
    }

    async fn logs(
        &self,
        service: &ServiceKey,
        deployment: &str,
        lines: usize,
    ) -> Result<Vec<String>, ProviderError> {
        self.of(service)?.logs(service, deployment, lines).await
    }
}
