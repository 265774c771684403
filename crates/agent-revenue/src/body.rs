//! What the agent reads of each event: only these fields are decoded.

use std::borrow::Cow;

use brainops_event::Timestamp;
use serde::Deserialize;

/// The lead that any event of the topic is about.
#[derive(Debug, Deserialize)]
pub(crate) struct AboutLead<'a> {
    #[serde(borrow)]
    pub lead_id: Cow<'a, str>,
}

/// `outreach.sent`.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    pub outreach_id: String,
}

/// `outreach.bounced`.
#[derive(Debug, Deserialize)]
pub(crate) struct Bounced {
    pub outreach_id: String,
    #[serde(default)]
    pub permanent: bool,
}

/// `lead.demo.scheduled`.
#[derive(Debug, Deserialize)]
pub(crate) struct Demo {
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub demo_at: Timestamp,
}
