//! What is looked at: the section `[sensors]`.

use std::path::PathBuf;
use std::time::Duration;

use brainops_deploy::ServiceKey;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What sensors look at, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorsConfig {
    /// How many seconds lie between two looks at the providers, and how long a span of samples is, 1 to 3,600. Default: 5.
    pub every_seconds: u64,
    /// What counts as too many failures, where a sensor says nothing else. Default: 1 % of at least 20 requests in a minute.
    pub rule: Rule,
    /// URLs that are asked. Default: none.
    pub http_probe: Vec<ProbeConfig>,
    /// Prometheus servers that are asked. Default: none.
    pub prometheus: Vec<PrometheusConfig>,
    /// Files that are read, beside those of the local host. Default: none.
    pub access_log: Vec<AccessLogConfig>,
}

impl Default for SensorsConfig {
    fn default() -> Self {
        let none = (Vec::new(), Vec::new(), Vec::new());
        let (http_probe, prometheus, access_log) = none;
        Self { every_seconds: 5, rule: Rule::default(), http_probe, prometheus, access_log }
    }
}

/// What counts as too many failures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// How many of a hundred requests may fail, 0 to 100. Default: 1.
    pub max_error_percent: f64,
    /// How many seconds are judged together, 1 to 86,400. Default: 60.
    pub window_seconds: i64,
    /// Fewer requests than these in a window say nothing, 1 at least. Default: 20.
    pub minimum_requests: i64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { max_error_percent: 1.0, window_seconds: 60, minimum_requests: 20 }
    }
}

/// A URL that is asked once in each span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Name of the service.
    pub service: String,
    /// Where it runs.
    pub environment: String,
    /// What is asked, by GET. A status of 500 or more, and no answer, is a failure.
    pub url: String,
    /// What counts as too many failures. Default: that of all sensors.
    #[serde(default)]
    pub rule: Option<Rule>,
}

/// A Prometheus server that is asked once in each span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Name of the service.
    pub service: String,
    /// Where it runs.
    pub environment: String,
    /// Address of the server.
    pub url: String,
    /// A query for how many requests were answered within `$span`, such as `sum(increase(http_requests_total[$span]))`.
    pub requests: String,
    /// The same for those that failed.
    pub errors: String,
    /// What counts as too many failures. Default: that of all sensors.
    #[serde(default)]
    pub rule: Option<Rule>,
}

/// A file to which a proxy appends a line for each request: JSON with `at` (RFC 3339), `status` and, if it knows,
/// `deployment_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLogConfig {
    /// Name of the service.
    pub service: String,
    /// Where it runs.
    pub environment: String,
    /// The file.
    pub path: PathBuf,
    /// What counts as too many failures. Default: that of all sensors.
    #[serde(default)]
    pub rule: Option<Rule>,
}

/// A setting says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("sensors.{field} is {found}, accepted is {accepted}")]
pub struct SensorsConfigError {
    field: String,
    found: String,
    accepted: &'static str,
}

impl SensorsConfig {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`SensorsConfigError`].
    pub fn check(&self) -> Result<(), SensorsConfigError> {
        let refused = |field: &str, found: String, accepted| {
            Err(SensorsConfigError { field: field.to_owned(), found, accepted })
        };
        if !(1..=3_600).contains(&self.every_seconds) {
            return refused("every_seconds", self.every_seconds.to_string(), "1 to 3600");
        }
        let rules = [("rule", Some(self.rule))]
            .into_iter()
            .chain(self.http_probe.iter().map(|one| ("http_probe.rule", one.rule)))
            .chain(self.prometheus.iter().map(|one| ("prometheus.rule", one.rule)))
            .chain(self.access_log.iter().map(|one| ("access_log.rule", one.rule)));
        for (field, rule) in rules {
            let Some(rule) = rule else { continue };
            if !(0.0..=100.0).contains(&rule.max_error_percent) {
                let field = format!("{field}.max_error_percent");
                return refused(&field, rule.max_error_percent.to_string(), "0 to 100");
            }
            if !(1..=86_400).contains(&rule.window_seconds) {
                return refused(
                    &format!("{field}.window_seconds"),
                    rule.window_seconds.to_string(),
                    "1 to 86400",
                );
            }
            if rule.minimum_requests < 1 {
                let field = format!("{field}.minimum_requests");
                return refused(&field, rule.minimum_requests.to_string(), "1 at least");
            }
        }
        let urls = self.http_probe.iter().map(|one| ("http_probe.url", &one.url));
        for (field, url) in urls.chain(self.prometheus.iter().map(|one| ("prometheus.url", &one.url))) {
            if !reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                return refused(field, format!("{url:?}"), "an address that begins with http:// or https://");
            }
        }
        Ok(())
    }

    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs(self.every_seconds)
    }
}

macro_rules! of_service {
    ($config:ty) => {
        impl $config {
            pub(crate) fn key(&self) -> ServiceKey {
                ServiceKey { service: self.service.clone(), environment: self.environment.clone() }
            }
        }
    };
}

of_service!(ProbeConfig);
of_service!(PrometheusConfig);
of_service!(AccessLogConfig);
