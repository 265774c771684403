//! The shortest way: an event, a reaction, a decision on the log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use common::{Scene, Tally, count};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_becomes_a_decision_on_the_log() {
    let scene = Scene::new("sagawalk").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 1)]).await;
    let decided = scene.until_said("agent", "agent.command.counted", 1).await;
    assert_eq!(decided[0].data, json!({"number": 1, "place": 1}));
    assert_eq!(decided[0].subject, "tally/a");
    assert_eq!(decided[0].causation_id.as_deref(), Some("a-1"));
    assert_eq!(decided[0].correlation_id.as_deref(), Some("tally/a"));
    let reacted = scene.until_said("saga", "saga.reacted", 1).await;
    let stood = scene.said("agent", "agent.task.count").await;
    assert_eq!(reacted[0].data["consumed"], json!([stood[0].position.to_string()]));
    assert_eq!(reacted[0].data["decisions"][0]["id"], json!(decided[0].id));
    assert_eq!(scene.saga("a").await.unwrap(), (json!({"seen": [1], "fired": []}), "running".to_owned()));
    running.stop().await;
    scene.close().await;
}
