//! Work for many hands over HTTP: from the event that asks for it to the event that says that it is done.
use brainops_task::{FollowOptions, FollowStage, follow};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{House, TOKEN};

async fn get(house: &House, path: &str) -> (u16, Value) {
    let request = reqwest::Client::new().get(format!("{}{path}", house.url)).bearer_auth(TOKEN);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The status, and the answer if there is one.
async fn post(house: &House, path: &str, body: Value) -> (u16, Value) {
    let request = house.post(path, "application/json", body.to_string()).bearer_auth(TOKEN);
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// A task as an agent says it in ACP.
async fn ask(house: &House, id: &str) {
    let message = json!({
        "id": id, "type": "agent.task.review", "source": "tester", "payload": {"subject": "change/7", "lines": 3},
        "context": {"trace_id": "flow-1", "priority": "high"},
    });
    house.appended("/events", "application/json", &message).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_claimed_kept_given_back_and_ended() {
    let house = House::still("server-tasks").await;
    brainops_task::migrate(house.namespace.pool()).await.unwrap();
    let stage = FollowStage {
        pool: house.namespace.pool().clone(),
        cluster: house.namespace.cluster().clone(),
        registry: house.namespace.registry().clone(),
    };
    let stop = CancellationToken::new();
    let following = tokio::spawn(follow(stage, FollowOptions::default(), stop.clone()));
    let wanted = json!({"kinds": ["review"], "worker": "w-1", "lease_seconds": 60});
    assert_eq!(post(&house, "/tasks/claim", wanted.clone()).await, (204, Value::Null), "there is none");
    for id in ["t-1", "t-2", "t-3"] {
        ask(&house, id).await;
    }
    house.until("/tasks", |tasks| tasks["rows"].as_array().unwrap().len() == 3).await;
    let (status, first) = post(&house, "/tasks/claim", wanted.clone()).await;
    assert_eq!((status, &first["id"], &first["priority"]), (200, &json!("t-1"), &json!("high")), "{first}");
    assert_eq!(first["payload"]["lines"], 3);
    let epoch = first["epoch"].as_i64().unwrap();
    let claim = |epoch: i64, more: Value| {
        let mut body = json!({"source": first["source"], "id": "t-1", "epoch": epoch});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let (status, renewed) = post(&house, "/tasks/renew", claim(epoch, json!({"lease_seconds": 600}))).await;
    assert!(status == 200 && renewed["ready_at"].as_str() > first["ready_at"].as_str(), "{renewed}");
    assert_eq!(post(&house, "/tasks/release", claim(epoch, json!({}))).await.0, 200);
    let (_, again) = post(&house, "/tasks/claim", wanted.clone()).await;
    assert_eq!(again["id"], "t-1");
    let (status, lost) = post(&house, "/tasks/complete", claim(epoch, json!({"outcome": "approved"}))).await;
    assert_eq!((status, &lost["type"]), (409, &json!("urn:brainops:problem:claim-lost")), "{lost}");
    assert!(lost["detail"].as_str().unwrap().contains("w-1 has it"), "{lost}");
    let done =
        claim(again["epoch"].as_i64().unwrap(), json!({"outcome": "approved", "result": {"lines": 3}}));
    assert_eq!(post(&house, "/tasks/complete", done).await, (200, json!({"state": "completed"})));
    let (_, second) = post(&house, "/tasks/claim", wanted.clone()).await;
    let failed = json!({"source": second["source"], "id": "t-2", "epoch": second["epoch"], "reason": "no time", "retry_after_seconds": 3600});
    let (status, failed) = post(&house, "/tasks/fail", failed).await;
    assert!(status == 200 && failed["retry_at"].is_string(), "{failed}");
    let cancelled = json!({"source": first["source"], "id": "t-3", "reason": "not wanted"});
    assert_eq!(post(&house, "/tasks/cancel", cancelled).await, (200, json!({"state": "cancelled"})));
    assert_eq!(post(&house, "/tasks/claim", wanted).await.0, 204);
    let source = first["source"].as_str().unwrap();
    let one = house.until(&format!("/tasks?source={source}&id=t-1"), |one| one["ended_at"].is_string()).await;
    assert_eq!((&one["state"], &one["payload"]), (&json!("completed"), &Value::Null));
    let (_, page) = get(&house, "/tasks?state=all&limit=2").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, rest) = get(&house, &format!("/tasks?state=all&limit=2&cursor={cursor}")).await;
    assert_eq!(rest["rows"][0]["id"], "t-3");
    assert_eq!(get(&house, "/tasks?source=nobody&id=none").await.0, 404);
    for (path, body, field) in [
        ("/tasks/claim", json!({"kinds": [], "worker": "w", "lease_seconds": 1}), "kinds"),
        ("/tasks/claim", json!({"kinds": ["a"], "worker": "w", "lease_seconds": 0}), "lease_seconds"),
        ("/tasks/fail", json!({"source": "s", "id": "i", "epoch": 1, "reason": ""}), "reason"),
    ] {
        let (status, problem) = post(&house, path, body).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    assert_eq!(get(&house, "/tasks?state=any").await.0, 400);
    stop.cancel();
    following.await.unwrap().unwrap();
    house.close().await;
}
