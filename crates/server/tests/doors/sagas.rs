//! What the doors show of sagas, and what they take about them.
use brainops_event::types::saga::{AgentsStopped, SagaReacted};
use brainops_testkit::{Namespace, said};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{House, TOKEN};

/// Rows as an agent has left them.
async fn at_work(namespace: &Namespace, sagas: &[(&str, &str)]) {
    brainops_saga::migrate(namespace.pool()).await.unwrap();
    for (correlation, status) in sagas {
        let parked = json!({
            "input": "brainops.lead/0@7", "class": "refused", "code": "no_such_case", "since": "2026-01-02T00:00:00Z",
        });
        let book = json!({
            "correlation_id": format!("flow-{correlation}"), "paused": *status == "paused",
            "parked": if *status == "parked" { parked } else { Value::Null }, "timers": {}, "steps": [],
            "waits": [{"events": ["lead.won"], "reason": "the end", "since": "2026-01-01T00:00:00Z"}],
            "outcome": null, "next_kept": 0, "beginning": null,
        });
        let sql = format!(
            "INSERT INTO brainops.saga (agent, correlation, run, version, revision, phase, status, state, book, kept, last_input_at) \
             VALUES ('follow', '{correlation}', 1, 2, 3, 'running', '{status}', '{{\"next\": 1}}', '{book}', 0, now())"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(namespace.pool()).await.unwrap();
    }
}

async fn get(house: &House, path: &str) -> (u16, Value) {
    let request = reqwest::Client::new().get(format!("{}{path}", house.url)).bearer_auth(TOKEN);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn decide(house: &House, correlation: &str, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/sagas/follow/{correlation}", house.url));
    let request = request.header("content-type", "application/json").bearer_auth(TOKEN);
    let response = request.body(body.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_are_listed_page_by_page_with_what_they_wait_for() {
    let house = House::still("server-sagas").await;
    let (status, problem) = get(&house, "/sagas").await;
    assert_eq!(
        (status, &problem["title"]),
        (503, &json!("something that is needed is away")),
        "no tables yet"
    );
    at_work(&house.namespace, &[("a/1", "running"), ("b", "parked"), ("c", "running")]).await;
    let (status, first) = get(&house, "/sagas?limit=2").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["rows"][0]["waits"][0]["reason"], "the end");
    assert_eq!(first["rows"][1]["parked"]["code"], "no_such_case");
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = get(&house, &format!("/sagas?limit=2&cursor={cursor}")).await;
    assert_eq!((&second["rows"][0]["correlation"], &second["next_cursor"]), (&json!("c"), &Value::Null));
    let (_, parked) = get(&house, "/sagas?status=parked&waiting_hours=1").await;
    assert_eq!(parked["rows"].as_array().unwrap().len(), 1);
    let (_, none) = get(&house, "/sagas?agent=another").await;
    assert_eq!(none["rows"], json!([]));
    for (query, field) in
        [("status=any", "status"), ("waiting_hours=-1", "waiting_hours"), ("cursor=x", "cursor")]
    {
        let (status, problem) = get(&house, &format!("/sagas?{query}")).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(field)), "{problem}");
    }
    let (status, one) = get(&house, "/sagas/follow/a%2F1").await;
    assert_eq!(
        (status, &one["state"], &one["correlation_id"]),
        (200, &json!({"next": 1}), &json!("flow-a/1"))
    );
    let (status, problem) = get(&house, "/sagas/follow/nobody").await;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:brainops:problem:no-such-saga")));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_a_saga_stands_in_the_log_and_what_cannot_be_decided_is_refused() {
    let house = House::still("server-decides").await;
    at_work(&house.namespace, &[("a", "running"), ("b", "parked")]).await;
    let (status, told) =
        decide(&house, "a", json!({"decide": "pause", "by": "kim", "reason": "a test"})).await;
    assert_eq!(status, 202, "{told}");
    assert!(told[0]["topic"].as_str().unwrap().ends_with(".saga"), "{told}");
    let (status, told) =
        decide(&house, "b", json!({"decide": "retry", "reason": "a test", "skip": true})).await;
    assert_eq!(status, 202, "{told}");
    for (correlation, body, field) in [
        ("a", json!({"decide": "retry", "reason": "a test"}), "decide"),
        ("a", json!({"decide": "resume", "reason": "a test"}), "decide"),
        ("a", json!({"decide": "pause"}), "reason"),
        ("a", json!({"decide": "move", "reason": "a test", "to": 0}), "to"),
        ("a", json!({"decide": "pause", "reason": "a test", "now": true}), "now"),
        ("a", json!({"decide": "pause", "reason": "x".repeat(1_001)}), "body"),
    ] {
        let (status, problem) = decide(&house, correlation, body.clone()).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{body}: {problem}");
    }
    assert_eq!(decide(&house, "nobody", json!({"decide": "pause", "reason": "a test"})).await.0, 404);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_what_their_sagas_wait_for_come_from_the_log() {
    let house = House::open("server-agents").await;
    let now = chrono::Utc::now();
    let waits = json!([
        {"kind": "event", "reason": "a reply", "events": ["outreach.replied"], "since_at": now.timestamp_millis()},
        {"kind": "timer", "reason": "patience", "events": [], "due_at": now.timestamp_millis() - 120_000},
    ]);
    let reacted = |correlation: &str| {
        let data = json!({
            "agent": "follow", "correlation": correlation, "run": 1, "version": 1, "revision": 1, "consumed": [],
            "status": "running", "state_digest": "d", "decisions": [], "waits": waits,
        });
        let subject = format!("follow/{correlation}");
        said::<SagaReacted>(&format!("reacted {correlation}"), &subject, now, data)
    };
    let stop = json!({"agent": "follow", "number": 1, "decided_by": "kim-7", "reason": "a look"});
    let events = vec![reacted("a"), reacted("b"), said::<AgentsStopped>("stop", "follow", now, stop)];
    for appended in house.namespace.appender().append_all(events).await {
        appended.unwrap();
    }
    let agents = house
        .until("/agents", |agents| {
            agents["rows"][0]["running"] == 2 && agents["rows"][0]["is_stopped"] == true
        })
        .await;
    assert_eq!(agents["rows"][0]["stopped_by"], "kim-7");
    assert_eq!((&agents["rows"][0]["overdue"], &agents["generation"]), (&json!(2), &json!(1)));
    let (_, first) = get(&house, "/sagas/waits?limit=3").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = get(&house, &format!("/sagas/waits?limit=3&cursor={cursor}")).await;
    let rows = [&first, &second].map(|page| page["rows"].as_array().unwrap().clone()).concat();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row["correlation"].as_str().unwrap(), row["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("a", "event"), ("a", "timer"), ("b", "event"), ("b", "timer")]);
    let (_, overdue) = get(&house, "/sagas/waits?overdue=true&agent=follow&kind=timer").await;
    assert_eq!(overdue["rows"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&overdue["rows"][0]["since_at"], &overdue["rows"][0]["is_overdue"]),
        (&Value::Null, &json!(true))
    );
    house.close().await;
}
