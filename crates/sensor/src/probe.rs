//! Asks a URL, as one who uses the service would.

use brainops_deploy::ServiceKey;
use brainops_event::Outgoing;

use crate::config::{ProbeConfig, Rule};
use crate::run::{Blind, Sensor};
use crate::say::{self, Seen};
use crate::span::Span;

/// Asks a URL once in each span.
pub(crate) struct Probe {
    key: ServiceKey,
    url: String,
    rule: Rule,
    client: reqwest::Client,
}

impl Probe {
    pub(crate) fn new(config: ProbeConfig, rule: Rule, client: reqwest::Client) -> Self {
        let (key, rule) = (config.key(), config.rule.unwrap_or(rule));
        Self { key, url: config.url, rule, client }
    }
}

impl Sensor for Probe {
    const NAME: &'static str = "http_probe";

    fn key(&self) -> &ServiceKey {
        &self.key
    }

    async fn see(&mut self, span: Span) -> Result<Vec<Outgoing>, Blind> {
        let answer = self.client.get(&self.url).send().await;
        let is_error = answer.map_or(true, |answer| answer.status().is_server_error());
        let seen = Seen { requests: 1, errors: i64::from(is_error) };
        Ok(vec![say::sample(Self::NAME, &self.key, (None, None), (span, seen), self.rule)?])
    }
}
