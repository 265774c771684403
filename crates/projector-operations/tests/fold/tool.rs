//! Calls of tools: what the gate says of each.

use brainops_event::TypedEvent;
use brainops_event::types::tool::{
    CallAuthorized, CallCompleted, CallDenied, CallFailed, CallRequested, CallStarted, CallUnknown,
};
use brainops_projector_operations::ToolCallRow;
use brainops_testkit::said_by;

use super::*;

const GATE: &str = "brainops/tool";
const SUBJECT: &str = "devops/shop";

fn word<T: TypedEvent>(source: &str, id: &str, at: i64, data: Value) -> Outgoing {
    said_by::<T>(source, id, SUBJECT, hour(at), data)
}

fn asked(at: i64) -> Outgoing {
    let data = json!({"tool": "files.write", "arguments": "{}"});
    word::<CallRequested>("brainops/agent/devops", "c-1", at, data)
}

/// What the gate says of the call that all tests are about.
fn told<T: TypedEvent>(id: &str, at: i64, more: Value) -> Outgoing {
    let mut data = json!({
        "call_source": "brainops/agent/devops", "call_id": "c-1", "call_subject": SUBJECT, "tool": "files.write", "attempt": 1,
    });
    for (field, value) in more.as_object().unwrap() {
        data[field] = value.clone();
    }
    word::<T>(GATE, id, at, data)
}

fn authorized(at: i64) -> Outgoing {
    let data = json!({
        "principal": "Agent::\"devops\"", "arguments_digest": "a", "policy_digest": "p", "policies": ["rule-1"],
    });
    told::<CallAuthorized>("authorized", at, data)
}

fn started(attempt: i32, at: i64) -> Outgoing {
    told::<CallStarted>(
        &format!("started {attempt}"),
        at,
        json!({"attempt": attempt, "epoch": attempt, "executor": "e"}),
    )
}

fn completed(at: i64) -> Outgoing {
    told::<CallCompleted>(
        "completed",
        at,
        json!({"result": "{}", "result_bytes": 2, "duration_ms": 7, "cost_micros": 1_500}),
    )
}

fn folded_calls(events: &[Outgoing]) -> Vec<ToolCallRow> {
    let outcome = given(Operations).events(events.iter().cloned()).fold();
    outcome.tables().tool_call.all().into_iter().cloned().collect()
}

fn one(events: &[Outgoing]) -> ToolCallRow {
    let [row] = &folded_calls(events)[..] else { panic!("one row") };
    row.clone()
}

#[test]
fn a_call_goes_from_state_to_state_and_keeps_who_decided() {
    let life = [asked(1), authorized(2), started(1, 3), completed(4)];
    let states: Vec<String> = (1..=4).map(|through| one(&life[..through]).state).collect();
    assert_eq!(states, ["requested", "authorized", "started", "completed"]);
    let row = one(&life);
    assert_eq!(
        (row.principal.as_deref(), row.policy_digest.as_deref()),
        (Some("Agent::\"devops\""), Some("p"))
    );
    assert_eq!(row.policies, ["rule-1"]);
    let times = (row.requested_at, row.decided_at, row.started_at, row.ended_at);
    assert_eq!(times, (hour(1), Some(hour(2)), Some(hour(3)), Some(hour(4))));
    assert_eq!((row.attempts, row.result_bytes), (1, Some(2)));
    assert_eq!((row.duration_ms, row.cost_micros), (Some(7), Some(1_500)));
    assert_eq!((row.call_id.as_str(), row.changed.id.as_str()), ("c-1", "completed"));
}

#[test]
fn how_a_call_ends_is_told_with_its_reason() {
    let denial = json!({"principal": "Agent::\"devops\"", "reason_code": "forbidden", "policies": ["never"], "policy_digest": "p"});
    let denied = one(&[asked(1), told::<CallDenied>("denied", 2, denial)]);
    assert_eq!((denied.state.as_str(), denied.reason_code.as_deref()), ("denied", Some("forbidden")));
    assert_eq!((denied.policies, denied.ended_at), (vec!["never".to_owned()], Some(hour(2))));
    let failure =
        json!({"reason_code": "not_found", "is_without_effect": true, "duration_ms": 3, "cost_micros": 9});
    let failed = one(&[asked(1), authorized(2), started(1, 3), told::<CallFailed>("failed", 4, failure)]);
    let found = (failed.state.as_str(), failed.reason_code.as_deref(), failed.is_without_effect);
    assert_eq!((found, failed.cost_micros), (("failed", Some("not_found"), Some(true)), Some(9)));
    let unknown = told::<CallUnknown>("unknown", 5, json!({"reason_code": "executor_died"}));
    let unknown = one(&[asked(1), authorized(2), started(1, 3), unknown]);
    assert_eq!((unknown.state.as_str(), unknown.reason_code.as_deref()), ("unknown", Some("executor_died")));
}

#[test]
fn the_first_end_counts_and_attempts_are_those_that_were_started() {
    let again = [asked(1), authorized(2), started(1, 3), started(2, 4), completed(5)];
    assert_eq!(one(&again).attempts, 2);
    let unknown = told::<CallUnknown>("unknown", 6, json!({"reason_code": "executor_died"}));
    let late = one(&[again.as_slice(), &[unknown, started(3, 7)]].concat());
    assert_eq!((late.state.as_str(), late.attempts, late.ended_at), ("completed", 2, Some(hour(5))));
}

#[test]
fn only_the_gates_word_about_a_call_that_was_asked_for_counts() {
    assert_eq!(folded_calls(&[started(1, 1), completed(2)]), []);
    let data = json!({
        "call_source": "brainops/agent/devops", "call_id": "c-1", "call_subject": SUBJECT, "tool": "files.write", "attempt": 1,
        "result": "{}", "result_bytes": 2, "duration_ms": 7,
    });
    let forged = word::<CallCompleted>("somebody", "forged", 2, data);
    assert_eq!(one(&[asked(1), forged]).state, "requested");
}

#[test]
fn what_names_another_subject_is_refused() {
    let other =
        told::<CallStarted>("other", 2, json!({"call_subject": "devops/mail", "epoch": 1, "executor": "e"}));
    let outcome = given(Operations).events([asked(1), other]).fold();
    assert_eq!(outcome.refused().len(), 1);
}
