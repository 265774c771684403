//! Facts about the lead `l1` as a test says them.

use brainops_event::Outgoing;
use brainops_event::types::lead::{
    DemoScheduled, LeadDiscovered, LeadDisqualified, LeadLost, LeadQualified, LeadWon,
};
use brainops_event::types::outreach::{OutreachBounced, OutreachReady, OutreachReplied, OutreachSent};
use brainops_projector_leads::Stage;
use brainops_testkit::said;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// The moment so many hours after the start of the year 2026.
pub fn hour(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::hours(hours)
}

/// The fact that means a stage; its id is the stage and the hour.
pub fn reached(stage: Stage, hours: i64) -> Outgoing {
    reached_with(stage, hours, json!({}))
}

/// The same with more fields.
pub fn reached_with(stage: Stage, hours: i64, more: Value) -> Outgoing {
    let id = format!("{stage} {hours}");
    let data = about(more);
    match stage {
        Stage::Discovered => said::<LeadDiscovered>(&id, "l1", hour(hours), data),
        Stage::Qualified => said::<LeadQualified>(&id, "l1", hour(hours), data),
        Stage::Contacted => said::<OutreachSent>(&id, "l1", hour(hours), data),
        Stage::Replied => said::<OutreachReplied>(&id, "l1", hour(hours), data),
        Stage::Demo => said::<DemoScheduled>(&id, "l1", hour(hours), data),
        Stage::Disqualified => said::<LeadDisqualified>(&id, "l1", hour(hours), data),
        Stage::Lost => said::<LeadLost>(&id, "l1", hour(hours), data),
        Stage::Won => said::<LeadWon>(&id, "l1", hour(hours), data),
    }
}

pub fn ready(hours: i64) -> Outgoing {
    said::<OutreachReady>(&format!("ready {hours}"), "l1", hour(hours), about(json!({})))
}

pub fn bounced(hours: i64, permanent: bool) -> Outgoing {
    said::<OutreachBounced>(
        &format!("bounced {hours}"),
        "l1",
        hour(hours),
        about(json!({"permanent": permanent})),
    )
}

/// What some record of the topic requires; a record takes only what it has.
fn about(more: Value) -> Value {
    let mut data = json!({"lead_id": "l1", "channel": "website", "outreach_id": "o1", "demo_at": 0});
    for (field, value) in more.as_object().unwrap() {
        data[field] = value.clone();
    }
    data
}
