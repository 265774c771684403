//! Work for many hands, at the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject};
use brainops_testkit::eventually;
use serde_json::json;
use support::{Installation, LIMIT};

fn asked(id: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("brainops/agent/tester").unwrap(),
        EventType::new("agent.task.review").unwrap(),
        Subject::new("tester/change-7").unwrap(),
    );
    Outgoing::message(envelope, r#"{"lines":3}"#).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_a_task_and_says_what_became_of_it() {
    let installation = Installation::new("task").await;
    installation.json(&["init"]);
    let service = installation.serve_as("tasks,relay");
    for id in ["t-1", "t-2"] {
        installation.namespace.appender().append(asked(id)).await.unwrap();
    }
    let rows = || async { installation.count("SELECT count(*) FROM brainops.task").await == 2 };
    eventually(LIMIT, rows).await.expect("they are followed");
    installation.ends(&["task", "list"], 0, &["review", "tester/change-7", "t-1", "t-2"]);
    let claimed = installation.json(&["task", "claim", "review", "--worker", "w-1"]);
    assert_eq!((&claimed["id"], &claimed["payload"]), (&json!("t-1"), &json!({"lines": 3})));
    let first = claimed["epoch"].to_string();
    fn with<'a>(verb: &'a str, id: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [vec!["task", verb, "brainops/agent/tester", id], more.to_vec()].concat()
    }
    installation.ends(&with("renew", "t-1", &["--epoch", &first, "--lease", "600"]), 0, &["claimed"]);
    installation.ends(&with("release", "t-1", &["--epoch", &first]), 0, &["open"]);
    let again = installation.json(&["task", "claim", "review", "--worker", "w-2"]);
    assert_eq!(again["id"], "t-1");
    let second = again["epoch"].to_string();
    let late = with("complete", "t-1", &["--epoch", &first, "--outcome", "approved"]);
    installation.ends(&late, 3, &["w-2 has it until"]);
    let done = with("complete", "t-1", &["--epoch", &second, "--outcome", "approved", "--result", "[1]"]);
    installation.ends(&done, 0, &["completed"]);
    let other = installation.json(&["task", "claim", "review", "--worker", "w-2"]);
    assert_eq!(other["id"], "t-2");
    let third = other["epoch"].to_string();
    let failed = with("fail", "t-2", &["--epoch", &third, "--reason", "no time", "--retry-after", "3600"]);
    installation.ends(&failed, 0, &["open", "until"]);
    installation.ends(&["task", "claim", "review", "--worker", "w-2"], 4, &["there is no task"]);
    let cancelled = with("cancel", "t-2", &["--by", "kim", "--reason", "not wanted"]);
    installation.ends(&cancelled, 0, &["cancelled"]);
    let ended = || async {
        installation.count("SELECT count(*) FROM brainops.task WHERE ended_at IS NOT NULL").await == 2
    };
    eventually(LIMIT, ended).await.expect("the log has told it");
    installation.ends(&with("show", "t-1", &[]), 0, &["review, completed", "ended"]);
    installation.ends(&with("show", "none", &[]), 4, &["there is no task"]);
    installation.ends(&["task", "list", "--state", "cancelled"], 0, &["t-2"]);
    drop(service);
    installation.close().await;
}
