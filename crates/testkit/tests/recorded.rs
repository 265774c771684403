//! Agents can live through what was recorded, as the command prints it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what must hold")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use brainops_agent_revenue::LeadFollowUp;
use brainops_event::json::to_cloudevent_json;
use brainops_event::types::lead::{LeadDiscovered, LeadWon};
use brainops_event::types::saga::SagaPaused;
use brainops_event::{Outgoing, Timestamp, format_timestamp, parse_timestamp};
use brainops_testkit::{Records, given_agent, said};
use serde_json::{Value, json};

fn moment() -> Timestamp {
    parse_timestamp("2026-03-02T09:00:00.214Z").unwrap()
}

/// A line as `brainops events tail --json` prints it.
fn line(event: Outgoing, verdict: &str) -> Value {
    let mut log = Records::new();
    log.append(event);
    let record = log.last().unwrap();
    let told: Value = serde_json::from_str(&to_cloudevent_json(&record.recorded()).unwrap()).unwrap();
    json!({
        "position": record.position().to_string(), "recorded_at": format_timestamp(&moment()),
        "verdict": verdict, "schema": 7, "event": told,
    })
}

fn discovered() -> Outgoing {
    let sealed = json!({"key_id": "k-00000000000000000000000000000001", "nonce": vec![1; 12], "ciphertext": vec![2; 20]});
    let data = json!({"lead_id": "lead-1", "channel": "website", "email": sealed});
    said::<LeadDiscovered>("1", "lead-1", moment(), data)
}

fn won() -> Outgoing {
    said::<LeadWon>("2", "lead-1", moment(), json!({"lead_id": "lead-1"}))
}

#[test]
fn it_lives_through_what_counts_at_the_moments_of_then() {
    let paused = json!({"agent": "lead-follow-up", "correlation": "lead-1", "decided_by": "person-1", "reason": "a test"});
    let paused = said::<SagaPaused>("3", "lead-follow-up/lead-1", moment(), paused);
    let lines = [line(discovered(), "event"), line(won(), "duplicate"), line(paused, "event")];
    let text = lines.map(|line| line.to_string()).join("\n\n");
    let given = given_agent(LeadFollowUp).recorded(&text).status("lead-1", "running");
    given.timers("lead-1", &[("term", moment() + brainops_agent_revenue::TO_FIRST_TOUCH)]);
}

#[test]
fn what_is_no_such_line_is_said() {
    let mut plain = line(discovered(), "event");
    plain["event"]["data"]["email"] = json!("kim@example.com");
    let mut timeless = line(won(), "event");
    timeless["recorded_at"] = json!("yesterday");
    let mut faulty = line(won(), "event");
    faulty["event"]["data"] = json!({});
    let cases = [
        ("{\"specversion\": \"1.0\"}".to_owned(), "line 1 is none of"),
        (plain.to_string(), "(email) that is not sealed"),
        (timeless.to_string(), "recorded_at is no time"),
        (format!("\n{faulty}"), "line 2: "),
    ];
    for (text, expected) in cases {
        let lived = catch_unwind(AssertUnwindSafe(|| given_agent(LeadFollowUp).recorded(&text)));
        let panicked = lived.map(|_| ()).unwrap_err();
        let message = panicked.downcast_ref::<String>().unwrap();
        assert!(message.contains(expected), "{message}");
    }
}
