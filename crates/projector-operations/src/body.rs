//! What the fold reads of each event: only these fields are decoded.

use std::collections::BTreeMap;

use brainops_event::Timestamp;
use serde::Deserialize;

/// Which row an event is about.
#[derive(Debug, Deserialize)]
pub(crate) struct Start {
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub starts_at: Timestamp,
}

/// `monitor.alert.fired` and `monitor.alert.resolved`: a field that one of them has not is absent there.
#[derive(Debug, Deserialize)]
pub(crate) struct Alert {
    pub fingerprint: String,
    pub alert_name: String,
    #[serde(default)]
    pub service: Option<String>,
    #[serde(default)]
    pub environment: Option<String>,
    #[serde(default)]
    pub severity: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub starts_at: Timestamp,
    #[serde(default)]
    pub generator_url: Option<String>,
}

/// The end that `monitor.alert.resolved` tells.
#[derive(Debug, Deserialize)]
pub(crate) struct End {
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub ends_at: Timestamp,
}
