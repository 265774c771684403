//! What the fold reads of each event: only these fields are decoded, and text is owned only where a row keeps it.

use std::borrow::Cow;

use brainops_event::Timestamp;
use brainops_event::types::privacy::Sealed;
use serde::Deserialize;

/// The lead that any event of the topic is about.
#[derive(Debug, Deserialize)]
pub(crate) struct AboutLead<'a> {
    #[serde(borrow)]
    pub lead_id: Cow<'a, str>,
}

/// `lead.discovered`.
#[derive(Debug, Deserialize)]
pub(crate) struct Discovered {
    #[serde(default)]
    pub name: Option<Sealed>,
    #[serde(default)]
    pub email: Option<Sealed>,
    #[serde(default)]
    pub company: Option<String>,
    pub channel: String,
}

/// `lead.qualified`.
#[derive(Debug, Deserialize)]
pub(crate) struct Qualified {
    #[serde(default)]
    pub score: Option<f64>,
    #[serde(default)]
    pub segment: Option<String>,
}

/// `lead.demo.scheduled`.
#[derive(Debug, Deserialize)]
pub(crate) struct DemoScheduled {
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub demo_at: Timestamp,
}

/// `lead.won`.
#[derive(Debug, Deserialize)]
pub(crate) struct Won {
    #[serde(default)]
    pub amount_minor: Option<i64>,
    #[serde(default)]
    pub currency: Option<String>,
}

/// `lead.lost` and `lead.disqualified`.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    #[serde(default)]
    pub reason_code: Option<String>,
}

/// `outreach.bounced`.
#[derive(Debug, Deserialize)]
pub(crate) struct Bounced {
    #[serde(default)]
    pub permanent: bool,
}
