//! What is left to a person, and why.

use brainops_agent_healing::CHECKED_AGAIN;

use super::*;

/// What the agent says when it does not go on.
const ESCALATES: [&str; 2] = ["agent.healing.escalated", "agent.task.decide_rollback"];

/// Checks that it ends here by itself, and for which reason.
#[track_caller]
fn is_left(said: &[Said], reason: &str) {
    let last = &said[said.len() - 2..];
    assert_eq!(types(last), ESCALATES);
    assert_eq!(last[0].data["reason_code"], json!(reason));
    assert_eq!(last[0].data["answer_to"], json!("devops/shop/eu"));
}

#[test]
fn a_migration_between_is_a_persons_who_may_roll_back_all_the_same() {
    let rows =
        json!([commit(BAD, &["shop/prices.py"]), commit("b0b0", &["db/migrations/0003_discount.sql"])]);
    let mut story = Story::begin(high(Some("d-2")));
    let said = story.is_told("d-2", &rows, &trace());
    assert_eq!(types(&said)[..2], ["agent.healing.diagnosed", "agent.task.analyze_root_cause"]);
    assert_eq!(said[0].data["migrations"], json!(["db/migrations/0003_discount.sql"]));
    is_left(&said, "migration_between");
    assert!(story.comes(act("rollback", "d-1")).is_empty(), "that is about another one");
    let said = story.comes(act("rollback", "d-2"));
    assert_eq!(types(&said), ["agent.command.rollback", "tool.call.requested"]);
    story.answers("deploy.rollback", &deployed("d-1", GOOD, "healthy"));
    story.answers("deploy.status", &status("d-1", "healthy"));
    assert_eq!(types(&story.comes(sample("d-1", 45, 30, 0))), ["agent.healing.completed"]);
}

#[test]
fn what_is_left_is_ended_by_a_person_a_newer_deployment_or_time() {
    let rows = json!([commit(BAD, &["db/migrations/0003_discount.sql"])]);
    for (outcome, ends) in [
        ("left_by_a_person", Some(act("leave", "d-2"))),
        ("superseded", Some(succeeded("d-3"))),
        ("nobody_decided", None),
    ] {
        let mut story = Story::begin(high(Some("d-2")));
        is_left(&story.is_told("d-2", &rows, &trace()), "migration_between");
        assert!(story.comes(succeeded("d-2")).is_empty());
        assert!(story.comes(failed("d-4")).is_empty(), "a person is on it");
        let said = match ends {
            Some(event) => story.comes(event),
            None => story.passes(TimeDelta::hours(25)),
        };
        assert!(said.is_empty());
        story.given().ended(SAGA, outcome);
    }
}

#[test]
fn what_lies_between_must_be_known_whole() {
    let cut = json!({"rows": two_commits(), "is_cut": true});
    let mut many_paths = two_commits();
    many_paths[0]["paths_complete"] = json!(false);
    let mut shallow = two_commits();
    shallow[1]["is_whole"] = json!(false);
    for rows in [cut, json!({"rows": many_paths, "is_cut": false}), json!({"rows": shallow, "is_cut": false})]
    {
        let mut story = Story::begin(high(Some("d-2")));
        story.answers("deploy.status", &status("d-2", "healthy"));
        story.answers("deploy.logs", &trace());
        is_left(&story.answers("projection.query", &rows), "changes_unknown");
    }
    let mut story = Story::begin(high(Some("d-2")));
    let mut said = story.is_told("d-2", &json!([]), &trace());
    while said.is_empty() {
        assert_eq!(types(&story.passes(TimeDelta::seconds(4))), ["tool.call.requested"]);
        said = story.answers("projection.query", &json!({"rows": [], "is_cut": false}));
    }
    is_left(&said, "changes_unknown");
}

#[test]
fn what_flaps_is_a_persons() {
    let mut standing = status("d-2", "healthy");
    standing["deployments"][2]["rolled_back_at"] = json!(format_timestamp(&second(-600)));
    let mut story = Story::begin(high(Some("d-2")));
    is_left(&story.answers("deploy.status", &standing), "flapping");
    standing["deployments"][2]["rolled_back_at"] = json!(format_timestamp(&second(-3_600)));
    let mut story = Story::begin(high(Some("d-2")));
    let said = story.answers("deploy.status", &standing);
    assert_eq!(types(&said), ["tool.call.requested"; 2], "that was long ago");
}

#[test]
fn how_a_service_stands_may_be_a_reason() {
    let mut old = status("d-2", "healthy");
    old["deployments"][0]["healthy_at"] = json!(format_timestamp(&second(-2 * 3_600)));
    let alone = json!({"serving": "d-2", "deployments": [deployed("d-2", BAD, "healthy"), deployed("d-1", GOOD, "stopped")]});
    let nothing = json!({"serving": null, "deployments": []});
    for (standing, reason) in [
        (old, "no_recent_deployment"),
        (alone, "nothing_to_go_back_to"),
        (nothing, "unknown_deployment"),
        (json!("?"), "no_answer"),
    ] {
        let mut story = Story::begin(high(Some("d-2")));
        is_left(&story.answers("deploy.status", &standing), reason);
    }
}

#[test]
fn what_the_gate_says_may_be_a_reason() {
    let mut story = Story::begin(failed("d-2"));
    is_left(&story.refuses::<CallDenied>("deploy.status", "not_permitted"), "denied");
    let mut story = Story::begin(failed("d-2"));
    is_left(&story.refuses::<CallFailed>("deploy.status", "unknown"), "unknown_service");
    let mut story = Story::begin(failed("d-2"));
    is_left(&story.passes(TimeDelta::minutes(3)), "no_answer");
    for (reason, refuse) in [
        ("denied", Story::refuses::<CallDenied> as fn(&mut Story, &str, &str) -> Vec<Said>),
        ("rollback_failed", Story::refuses::<CallFailed>),
        ("rollback_unknown", Story::refuses::<CallUnknown>),
    ] {
        let mut story = Story::begin(high(Some("d-2")));
        story.is_told("d-2", &two_commits(), &trace());
        is_left(&refuse(&mut story, "deploy.rollback", "anything"), reason);
    }
}

#[test]
fn what_is_not_better_is_not_rolled_back_once_more() {
    let mut story = Story::begin(high(Some("d-2")));
    story.is_told("d-2", &two_commits(), &trace());
    story.answers("deploy.rollback", &deployed("d-1", GOOD, "healthy"));
    let mut said = story.answers("deploy.status", &status("d-2", "healthy"));
    let mut asked = 0;
    while said.is_empty() {
        assert_eq!(types(&story.passes(TimeDelta::seconds(4))), ["tool.call.requested"], "it may be at it");
        said = story.answers("deploy.status", &status("d-2", "healthy"));
        asked += 1;
    }
    assert_eq!(asked, CHECKED_AGAIN);
    is_left(&said, "not_better");
    let mut story = Story::begin(high(Some("d-2")));
    story.is_told("d-2", &two_commits(), &trace());
    story.answers("deploy.rollback", &deployed("d-1", GOOD, "healthy"));
    story.answers("deploy.status", &status("d-1", "healthy"));
    is_left(&story.comes(sample("d-1", 45, 50, 5)), "not_better");
    assert!(story.comes(sample("d-1", 50, 50, 5)).is_empty());
}
