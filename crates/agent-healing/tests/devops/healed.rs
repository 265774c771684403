//! What is rolled back without a person.

use super::*;

/// What the agent says when it goes back.
const GOES_BACK: [&str; 4] = [
    "agent.healing.diagnosed",
    "agent.task.analyze_root_cause",
    "agent.command.rollback",
    "tool.call.requested",
];

#[test]
fn too_many_failures_after_a_deployment_are_rolled_back_and_the_culprit_is_named() {
    let mut story = Story::begin(high(Some("d-2")));
    assert_eq!(story.arguments("deploy.status"), json!({"service": "shop", "environment": "eu"}));
    let said = story.is_told("d-2", &two_commits(), &trace());
    assert_eq!(types(&said), GOES_BACK);
    assert_eq!(
        story.arguments("projection.query"),
        json!({"query": "deployments.commits_between", "parameters": [BAD, GOOD, "500"], "limit": 500})
    );
    let diagnosed = &said[0];
    assert_eq!(diagnosed.subject, "shop/eu");
    assert_eq!(
        diagnosed.data,
        json!({
            "service": "shop", "environment": "eu", "deployment_id": "d-2", "trouble": "high_error_rate", "sha": BAD, "good_sha": GOOD,
            "commits": 2, "culprit": "b0b0",
            "suspects": [
                {"sha": "b0b0", "score": 62, "reasons": ["stack_trace:shop/prices.py:7", "age:2"]},
                {"sha": BAD, "score": 3, "reasons": ["age:1"]},
            ],
            "frames": ["shop/prices.py:7", "app.py:30"], "errors": ["KeyError"], "migrations": [],
        })
    );
    let command = json!({
        "service": "shop", "environment": "eu", "deployment_id": "d-2", "to_deployment_id": "d-1", "to_sha": GOOD,
    });
    assert_eq!(
        said[2],
        Said { id: said[2].id.clone(), ..Said::message("agent.command.rollback", ("devops", SAGA), command) }
    );
    assert_eq!(
        story.arguments("deploy.rollback"),
        json!({"service": "shop", "environment": "eu", "deployment_id": "d-2"})
    );
    story.answers("deploy.rollback", &deployed("d-1", GOOD, "healthy"));
    assert!(story.answers("deploy.status", &status("d-1", "healthy")).is_empty(), "requests are waited for");
    assert!(story.comes(sample("d-2", 40, 50, 50)).is_empty(), "those of the bad one do not count");
    assert!(story.comes(sample("d-1", 40, 19, 0)).is_empty(), "they are too few");
    let said = story.comes(sample("d-1", 45, 1, 0));
    assert_eq!(types(&said), ["agent.healing.completed"]);
    let told = &said[0].data;
    assert_eq!((&told["restored_deployment_id"], &told["restored_sha"]), (&json!("d-1"), &json!(GOOD)));
    assert_eq!((&told["culprit"], &told["verified_by"]), (&json!("b0b0"), &json!("requests")));
    assert!(told["trouble_ms"].as_i64().unwrap() > 0);
    story.given().ended(SAGA, "healed").timers(SAGA, &[]);
}

#[test]
fn what_never_became_healthy_is_rolled_back_and_health_is_enough() {
    let mut story = Story::begin(failed("d-2"));
    story.answers("deploy.status", &status("d-1", "failed"));
    let rows = json!({"rows": [commit(BAD, &["deploy/settings.toml"]), commit("b0b0", &["README.md"])], "is_cut": false});
    assert!(story.answers("projection.query", &rows).is_empty(), "the log is waited for");
    let said = story.answers("deploy.logs", &json!({"lines": 0, "frames": [], "errors": []}));
    assert_eq!(types(&said), GOES_BACK);
    assert_eq!(said[0].data["culprit"], json!(BAD));
    assert_eq!(
        said[0].data["suspects"][0]["reasons"],
        json!(["configuration:deploy/settings.toml", "age:1"])
    );
    story.answers("deploy.rollback", &deployed("d-1", GOOD, "healthy"));
    let said = story.answers("deploy.status", &status("d-1", "failed"));
    assert_eq!(types(&said), ["agent.healing.completed"]);
    assert_eq!(said[0].data["verified_by"], json!("health"));
    story.given().ended(SAGA, "healed");
}

#[test]
fn without_evidence_it_is_rolled_back_all_the_same_and_nobody_is_named() {
    let mut story = Story::begin(high(Some("d-2")));
    let rows = json!([commit(BAD, &["README.md"]), commit("b0b0", &["web/a.css"])]);
    let said = story.is_told("d-2", &rows, &json!({"lines": 0, "frames": [], "errors": []}));
    assert_eq!(types(&said), GOES_BACK);
    assert_eq!(said[0].data["culprit"], json!(null));
    // Its log cannot be read: that is no evidence, and no reason to leave it there.
    let mut story = Story::begin(high(Some("d-2")));
    story.answers("deploy.status", &status("d-2", "healthy"));
    story.refuses::<CallFailed>("deploy.logs", "unavailable");
    let said = story.answers("projection.query", &json!({"rows": two_commits(), "is_cut": false}));
    assert_eq!(types(&said), GOES_BACK);
}

#[test]
fn a_sensor_that_cannot_tell_the_deployment_means_what_serves() {
    let mut story = Story::begin(high(None));
    let said = story.is_told("d-2", &two_commits(), &trace());
    assert_eq!((types(&said), &said[0].data["deployment_id"]), (GOES_BACK.to_vec(), &json!("d-2")));
}

#[test]
fn commits_that_no_read_model_has_folded_yet_are_asked_for_again() {
    let mut story = Story::begin(high(Some("d-2")));
    assert!(story.is_told("d-2", &json!([]), &trace()).is_empty());
    assert_eq!(types(&story.passes(TimeDelta::seconds(4))), ["tool.call.requested"]);
    let said = story.answers("projection.query", &json!({"rows": two_commits(), "is_cut": false}));
    assert_eq!(types(&said), GOES_BACK);
}

#[test]
fn a_provider_that_takes_a_moment_is_asked_again() {
    let mut story = Story::begin(failed("d-2"));
    story.answers("deploy.status", &status("d-1", "failed"));
    story.answers("deploy.logs", &trace());
    story.answers("projection.query", &json!({"rows": two_commits(), "is_cut": false}));
    // What serves again is a new deployment of what was good.
    story.answers("deploy.rollback", &deployed("d-3", GOOD, "starting"));
    let mut standing = status("d-2", "failed");
    standing["deployments"].as_array_mut().unwrap().insert(0, deployed("d-3", GOOD, "starting"));
    assert!(story.answers("deploy.status", &standing).is_empty());
    assert_eq!(types(&story.passes(TimeDelta::seconds(4))), ["tool.call.requested"]);
    (standing["serving"], standing["deployments"][0]["state"]) = (json!("d-3"), json!("healthy"));
    let said = story.answers("deploy.status", &standing);
    assert_eq!(types(&said), ["agent.healing.completed"]);
    assert_eq!(said[0].data["restored_deployment_id"], json!("d-3"));
}

#[test]
fn no_requests_after_it_are_named_as_what_they_are() {
    let mut story = Story::begin(high(Some("d-2")));
    story.is_told("d-2", &two_commits(), &trace());
    story.answers("deploy.rollback", &deployed("d-1", GOOD, "healthy"));
    story.answers("deploy.status", &status("d-1", "healthy"));
    let said = story.passes(TimeDelta::minutes(3));
    assert_eq!(types(&said), ["agent.healing.completed"]);
    assert_eq!(said[0].data["verified_by"], json!("health"));
}

#[test]
fn what_is_over_is_left_alone_and_what_came_up_meanwhile_comes_next() {
    let mut story = Story::begin(high(Some("d-2")));
    assert!(story.comes(high(Some("d-2"))).is_empty(), "told twice, it is one trouble");
    assert!(story.comes(failed("d-3")).is_empty());
    let said = story.answers("deploy.status", &status("d-1", "healthy"));
    assert_eq!(types(&said), ["tool.call.requested"], "d-2 serves no more; now for d-3");
    let mut standing = status("d-1", "healthy");
    standing["deployments"].as_array_mut().unwrap().insert(0, deployed("d-3", "dddd", "failed"));
    story.answers("deploy.status", &standing);
    assert_eq!(story.arguments("deploy.logs")["deployment_id"], json!("d-3"));
    let mut story = Story::begin(high(Some("d-2")));
    story.answers("deploy.status", &status("d-1", "healthy"));
    story.given().ended(SAGA, "over");
}

#[test]
fn what_was_imported_late_is_history() {
    let given = given_agent(DevOps).recorded_from(second(2 * 3_600)).when(failed("d-2")).then_nothing();
    assert_eq!(given.sagas().count(), 0);
    let given = given.when(sample("d-2", 7_300, 5, 5)).then_nothing();
    assert_eq!(given.sagas().count(), 0);
}
