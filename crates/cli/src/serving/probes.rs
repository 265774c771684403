//! Whether what the doors need beside Postgres answers.

use async_trait::async_trait;
use brainops_event::{Catalog, TopicName};
use brainops_log::{Cluster, Registry, RegistryConfig, end_frontier};
use brainops_server::{NotReady, Probe};

/// Asks Kafka where a topic ends.
pub(super) struct KafkaProbe {
    pub(super) cluster: Cluster,
    pub(super) topics: Vec<TopicName>,
}

#[async_trait]
impl Probe for KafkaProbe {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn check(&self) -> Result<(), NotReady> {
        match end_frontier(&self.cluster, &self.topics).await {
            Ok(_) => Ok(()),
            Err(error) => Err(NotReady { class: "unreachable", source: Some(error.into()) }),
        }
    }
}

/// Asks the registry for a schema, through a client that remembers nothing yet.
pub(super) struct RegistryProbe(pub(super) RegistryConfig);

#[async_trait]
impl Probe for RegistryProbe {
    fn name(&self) -> &'static str {
        "registry"
    }

    async fn check(&self) -> Result<(), NotReady> {
        let misconfigured = |error| NotReady { class: "misconfigured", source: Some(Box::new(error) as _) };
        let registry = Registry::new(self.0.clone()).map_err(misconfigured)?;
        let Some(entry) = Catalog::builtin().entries().first() else { return Ok(()) };
        match registry.id_for(entry).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let class = if error.is_transient() { "unreachable" } else { "unusable" };
                Err(NotReady { class, source: Some(error.into()) })
            }
        }
    }
}
