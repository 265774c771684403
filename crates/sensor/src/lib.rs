//! Sensors: what the world says about deployed services becomes events. They look and tell, and decide nothing: that an error
//! rate is high is a saga's conclusion from samples.
//!
//! | sensor | looks at | tells |
//! |---|---|---|
//! | `deployments` | the providers of all services | `deployment.started`, `succeeded`, `failed`, `rolled_back` |
//! | `http_probe` | a URL | `monitor.sample.recorded`, one request each |
//! | `prometheus` | two queries: how many requests, how many failed | `monitor.sample.recorded` |
//! | `access_log` | the lines that a proxy appends to a file | `monitor.sample.recorded`, for each deployment that answered |
//!
//! **Said once.** Spans begin at whole multiples of their length, and ids follow from what is told and its span; events go through
//! the outbox, which knows what was said. So sensors keep nothing, a sensor that begins again tells again what is still to be
//! seen, and of two that look at the same the first counts.
//!
//! **The rule goes along.** How many requests may fail is configured here, and each sample tells it: what a saga concludes follows
//! from the log alone, also when the rule was another one at the time.

mod access_log;
mod config;
mod deployments;
mod metrics;
mod probe;
mod prometheus;
mod run;
mod say;
mod span;

pub use config::{AccessLogConfig, ProbeConfig, PrometheusConfig, Rule, SensorsConfig, SensorsConfigError};
pub use metrics::describe_metrics;
pub use run::{SensorError, SensorStage, run};
