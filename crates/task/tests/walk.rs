//! The shortest way: a task on the log, a row, a claim, its completion on the log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use brainops_task::{Outcome, State, find};
use common::{Scene, kind, lease, said, worker};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_claimed_and_its_completion_stands_in_the_log() {
    let scene = Scene::new("taskwalk").await;
    let following = scene.follow();
    scene.append(vec![said("review", "t-1", "tally/a", None)]).await;
    let claimed = scene.until_claimed("review", "w-1", 60_000).await;
    assert_eq!(claimed.task.payload.as_deref(), Some(r#"{"task":"t-1"}"#));
    assert_eq!((claimed.claim.epoch, claimed.task.kind.as_str()), (claimed.task.epoch, "review"));
    let none = scene.tasks.claim(&[kind("review")], &worker("w-2"), lease(60_000)).await.unwrap();
    assert_eq!(none, None, "it is in one hand");
    let approved = Outcome::new("approved", Some(r#"{"lines": 7}"#.to_owned())).unwrap();
    scene.tasks.complete(&claimed.claim, &approved).await.unwrap();
    scene.tasks.complete(&claimed.claim, &approved).await.unwrap();
    let completed = scene.until_said("agent.work.completed", 1).await;
    assert_eq!(
        completed[0].data,
        json!({"task_source": "test", "task_id": "t-1", "task_subject": "tally/a", "kind": "review", "worker": "w-1",
               "outcome": "approved", "result": "{\"lines\": 7}"})
    );
    assert_eq!((completed.len(), completed[0].subject.as_str()), (1, "tally/a"));
    assert_eq!(completed[0].causation_id.as_deref(), Some("t-1"));
    assert_eq!(completed[0].correlation_id.as_deref(), Some("flow/tally/a"));
    scene.until_followed().await;
    let task = find(scene.namespace.pool(), &claimed.claim.task).await.unwrap().unwrap();
    assert_eq!((task.state, task.payload, task.ended_at.is_some()), (State::Completed, None, true));
    following.stop().await;
    scene.close().await;
}
