//! Looks at the provider of a service, and tells what has become of its deployments.

use std::collections::HashSet;

use brainops_deploy::{Fleet, Provider as _, ServiceKey};
use brainops_event::Outgoing;

use crate::run::{Blind, Causes, Sensor};
use crate::say;
use crate::span::Span;

/// Follows a service.
pub(crate) struct Deployments {
    key: ServiceKey,
    fleet: Fleet,
    causes: Causes,
    /// Ids of what is told, as far as the provider still shows it; the outbox knows the rest.
    told: HashSet<String>,
    seen: HashSet<String>,
}

impl Deployments {
    pub(crate) fn new(key: ServiceKey, fleet: Fleet, causes: Causes) -> Self {
        Self { key, fleet, causes, told: HashSet::new(), seen: HashSet::new() }
    }
}

impl Sensor for Deployments {
    const NAME: &'static str = "deployments";

    fn key(&self) -> &ServiceKey {
        &self.key
    }

    async fn see(&mut self, _: Span) -> Result<Vec<Outgoing>, Blind> {
        let status = self.fleet.status(&self.key).await?;
        let causes = status.deployments.iter();
        let causes = causes.filter_map(|one| Some((one.deployment_id.clone(), one.cause.clone()?)));
        self.causes.set(&self.key, causes);
        let mut all = Vec::new();
        for deployed in status.deployments.iter().rev() {
            all.extend(say::facts(&self.key, deployed)?);
        }
        let id = |event: &Outgoing| event.envelope.id().as_str().to_owned();
        self.seen = all.iter().map(id).collect();
        all.retain(|event| !self.told.contains(event.envelope.id().as_str()));
        Ok(all)
    }

    fn told(&mut self) {
        self.told = std::mem::take(&mut self.seen);
    }
}
