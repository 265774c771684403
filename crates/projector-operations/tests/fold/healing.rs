//! Deployments that went wrong: what is concluded of them, and what was done.

use brainops_event::TypedEvent;
use brainops_event::types::agent::{HealingCompleted, HealingDiagnosed, HealingEscalated};
use brainops_event::types::monitor::{ErrorRateNormal, HighErrorRate};
use brainops_projector_operations::{DeploymentHealthRow, HealingRow};

use super::*;

const PLACE: &str = "shop/eu";

fn about<T: TypedEvent>(id: &str, at: i64, more: Value) -> Outgoing {
    let mut data = json!({"service": "shop", "environment": "eu", "deployment_id": "d-1"});
    for (field, value) in more.as_object().unwrap() {
        data[field] = value.clone();
    }
    said::<T>(id, PLACE, hour(at), data)
}

fn rate(errors: i64) -> Value {
    json!({
        "from": hour(0).timestamp_millis(), "through": hour(1).timestamp_millis(), "requests": 100, "errors": errors, "max_error_percent": 1.0,
    })
}

fn diagnosed(at: i64) -> Outgoing {
    let data = json!({
        "trouble": "high_error_rate", "sha": "bb", "good_sha": "aa", "commits": 2, "culprit": "b0", "suspects": [], "frames": [],
        "errors": [], "migrations": [],
    });
    about::<HealingDiagnosed>(&format!("diagnosed {at}"), at, data)
}

fn escalated(at: i64) -> Outgoing {
    let data = json!({"reason_code": "migration_between", "answer_to": "devops/shop/eu", "culprit": null});
    about::<HealingEscalated>("escalated", at, data)
}

fn completed(at: i64) -> Outgoing {
    let data = json!({
        "restored_deployment_id": "d-0", "restored_sha": "aa", "culprit": null, "verified_by": "requests", "trouble_ms": 2_000,
    });
    about::<HealingCompleted>("completed", at, data)
}

fn healings(events: &[Outgoing]) -> Vec<HealingRow> {
    let outcome = given(Operations).events(events.to_vec()).fold();
    outcome.tables().healing.all().into_iter().cloned().collect()
}

fn healths(events: &[Outgoing]) -> Vec<DeploymentHealthRow> {
    let outcome = given(Operations).events(events.to_vec()).fold();
    outcome.tables().deployment_health.all().into_iter().cloned().collect()
}

#[test]
fn the_last_conclusion_holds_and_bad_times_are_counted() {
    let events = [
        about::<HighErrorRate>("high 1", 1, rate(50)),
        about::<ErrorRateNormal>("normal", 2, rate(0)),
        about::<HighErrorRate>("high 2", 3, rate(9)),
    ];
    let [row] = &healths(&events)[..] else { panic!("one row") };
    assert_eq!((row.is_high, row.times_high, row.errors, row.since_at), (true, 2, 9, hour(3)));
    let [row] = &healths(&events[..2])[..] else { panic!("one row") };
    assert_eq!((row.is_high, row.times_high, row.errors), (false, 1, 0));
    let mut nameless = rate(50);
    nameless["deployment_id"] = json!(null);
    let rows = healths(&[events[0].clone(), about::<HighErrorRate>("high 3", 4, nameless)]);
    let ids: Vec<&str> = rows.iter().map(|row| row.deployment_id.as_str()).collect();
    assert_eq!(ids, ["", "d-1"], "what no sensor can tell apart is a row of its own");
}

#[test]
fn what_was_done_is_told_in_its_order() {
    let [row] = &healings(&[diagnosed(1), completed(2)])[..] else { panic!("one row") };
    assert_eq!(
        (row.state.as_str(), row.culprit.as_deref(), row.trouble_ms),
        ("healed", Some("b0"), Some(2_000))
    );
    assert_eq!((row.diagnosed_at, row.healed_at, row.escalated_at), (Some(hour(1)), Some(hour(2)), None));
    // A person decided to go back all the same, and that helped.
    let [row] = &healings(&[diagnosed(1), escalated(2), completed(3)])[..] else { panic!("one row") };
    assert_eq!((row.state.as_str(), row.reason_code.as_deref()), ("healed", Some("migration_between")));
    // Without a diagnosis there is less to say.
    let [row] = &healings(&[escalated(2)])[..] else { panic!("one row") };
    assert_eq!((row.state.as_str(), &row.trouble, &row.sha), ("escalated", &None, &None));
    // Wrong again: what came of the first time is in the log.
    let [row] = &healings(&[diagnosed(1), completed(2), diagnosed(5)])[..] else { panic!("one row") };
    assert_eq!((row.state.as_str(), row.healed_at, row.diagnosed_at), ("diagnosed", None, Some(hour(5))));
}

#[test]
fn an_event_about_another_service_than_its_subject_is_refused() {
    let elsewhere = about::<HighErrorRate>(
        "high",
        1,
        json!({"service": "mail", "from": 0, "through": 1, "requests": 1, "errors": 1,
        "max_error_percent": 1.0}),
    );
    let outcome = given(Operations).events([elsewhere]).fold();
    assert_eq!(outcome.refused().len(), 1);
}
