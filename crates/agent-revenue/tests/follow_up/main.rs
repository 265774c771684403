//! `lead-follow-up`, without a stack: given what is told of a lead, when time goes by, then tasks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod order;
mod terms;
mod unheard;

use brainops_agent_revenue::LeadFollowUp;
use brainops_event::types::lead::{DemoScheduled, LeadDiscovered, LeadDisqualified, LeadLost, LeadWon};
use brainops_event::types::outreach::{OutreachBounced, OutreachReplied, OutreachSent};
use brainops_event::{Outgoing, Timestamp, format_timestamp};
use brainops_testkit::{GivenAgent, Said, given_agent, said};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

const AGENT: &str = "lead-follow-up";
const LEAD: &str = "lead-1";

/// The log of a test begins here; days count from it.
fn day(days: i64) -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::days(days)
}

fn about(mut more: Value) -> Value {
    more["lead_id"] = json!(LEAD);
    more
}

fn discovered(at: Timestamp) -> Outgoing {
    said::<LeadDiscovered>("discovered", LEAD, at, about(json!({"channel": "website"})))
}

fn sent(id: &str, at: Timestamp) -> Outgoing {
    said::<OutreachSent>(id, LEAD, at, about(json!({"outreach_id": id, "channel": "email"})))
}

fn replied(id: &str, at: Timestamp) -> Outgoing {
    said::<OutreachReplied>(id, LEAD, at, about(json!({"outreach_id": "sent"})))
}

fn bounced(of: &str, permanent: bool, at: Timestamp) -> Outgoing {
    let data = json!({"outreach_id": of, "permanent": permanent});
    said::<OutreachBounced>(&format!("bounced {of}"), LEAD, at, about(data))
}

fn demo(demo_at: Timestamp, at: Timestamp) -> Outgoing {
    said::<DemoScheduled>("demo", LEAD, at, about(json!({"demo_at": demo_at.timestamp_millis()})))
}

fn won(at: Timestamp) -> Outgoing {
    said::<LeadWon>("won", LEAD, at, about(json!({})))
}

fn lost(at: Timestamp) -> Outgoing {
    said::<LeadLost>("lost", LEAD, at, about(json!({})))
}

fn disqualified(at: Timestamp) -> Outgoing {
    said::<LeadDisqualified>("disqualified", LEAD, at, about(json!({})))
}

/// A lead that was discovered, recorded at the start of day 0, and then these, each recorded when it happened.
fn a_lead_and(events: impl IntoIterator<Item = Outgoing>) -> GivenAgent {
    let given = given_agent(LeadFollowUp).recorded_from(day(0)).events([discovered(day(0))]);
    events.into_iter().fold(given, |given, event| {
        let at = event.envelope.time().unwrap();
        given.recorded_from(at).events([event])
    })
}

fn task(name: &str, next: &str, since: Timestamp, task: Option<&str>) -> Said {
    let mut payload = json!({"lead_id": LEAD, "next": next, "since": format_timestamp(&since)});
    if let Some(task) = task {
        payload["task"] = json!(task);
    }
    Said::message(&format!("agent.task.{name}"), (AGENT, LEAD), payload)
}

fn over(task: &str, because: &str) -> Said {
    let payload = json!({"lead_id": LEAD, "task": task, "because": because});
    Said::message("agent.intent.follow_up_over", (AGENT, LEAD), payload)
}

/// The id of the task that was asked for.
fn task_id(given: &GivenAgent) -> String {
    let state: Value = serde_json::from_str(&given.saga(LEAD).unwrap().state).unwrap();
    state["task"].as_str().unwrap_or_else(|| panic!("no task in {state}")).to_owned()
}
