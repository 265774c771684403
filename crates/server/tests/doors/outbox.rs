//! What callers are told by doors in front of a real outbox: once, where; again, the same place; otherwise, why not.
use brainops_log::end_frontier;
use brainops_outbox::OutboxConfig;
use brainops_testkit::eventually;
use serde_json::{Value, json};

use crate::support::{CATCH_UP_LIMIT, House, TOKEN};

const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

fn lost(id: u32, reason: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id.to_string(), "source": "crm", "type": "lead.lost", "subject": "lead-1",
        "data": {"lead_id": "lead-1", "reason_code": reason},
    })
}

/// The answer to a body at the doors of `url`: status, seconds to wait, document.
async fn post(url: &str, content_type: &str, body: &Value) -> (u16, Option<u64>, Value) {
    let request = reqwest::Client::new().post(format!("{url}/events")).header("content-type", content_type);
    let response = request.bearer_auth(TOKEN).body(body.to_string()).send().await.unwrap();
    let retry_after =
        response.headers().get("retry-after").map(|after| after.to_str().unwrap().parse().unwrap());
    (response.status().as_u16(), retry_after, response.json().await.unwrap())
}

fn place(outcome: &Value) -> Value {
    json!({"topic": outcome["topic"], "partition": outcome["partition"], "offset": outcome["offset"]})
}

/// How many records the topic holds, repeats too.
async fn records(house: &House) -> i64 {
    let end = end_frontier(house.namespace.cluster(), &[house.namespace.topic("lead")]).await.unwrap();
    end.iter().map(|(_, _, next)| next.get()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_answers_its_first_place_and_another_one_of_its_id_is_a_conflict() {
    let mut house = House::still("server-outbox").await;
    let (status, _, first) = post(&house.url, ONE, &lost(1, "price")).await;
    assert_eq!((status, &first[0]["repeated"]), (202, &json!(false)), "{first}");

    let other_doors = house.open_doors().await;
    for url in [&house.url, &other_doors] {
        let mut again = lost(1, "price");
        again["time"] = json!("2026-02-01T00:00:00Z"); // not what makes it this event
        let (status, _, again) = post(url, ONE, &again).await;
        assert_eq!((status, &again[0]["repeated"]), (202, &json!(true)), "{again}");
        assert_eq!(
            (place(&again[0]), &again[0]["recorded_at"]),
            (place(&first[0]), &first[0]["recorded_at"])
        );

        let (status, retry_after, conflict) = post(url, ONE, &lost(1, "timing")).await;
        assert_eq!((status, retry_after), (409, None), "{conflict}");
        assert_eq!(conflict["errors"][0]["field"], "id");
        assert_eq!(conflict["results"][0]["first"], place(&first[0]));
    }

    let batch = json!([lost(2, "price"), lost(1, "timing"), lost(3, "price")]);
    let (status, _, problem) = post(&house.url, BATCH, &batch).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (409, &json!("[1].id")), "{problem}");
    assert!(problem["results"][0]["offset"].is_string() && problem["results"][2]["offset"].is_string());
    assert_eq!(records(&house).await, 3);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_two_doors_say_each_event_once() {
    let mut house = House::still("server-two-doors").await;
    let urls = [house.url.clone(), house.open_doors().await];
    let mut asked = tokio::task::JoinSet::new();
    for id in 0..40 {
        for url in urls.clone() {
            asked.spawn(async move { (id, post(&url, ONE, &lost(id, "price")).await) });
        }
    }
    let mut answered: Vec<Vec<Value>> = vec![Vec::new(); 40];
    while let Some(answer) = asked.join_next().await {
        let (id, (status, _, outcome)) = answer.unwrap();
        assert_eq!(status, 202, "{outcome}");
        answered[id as usize].push(outcome[0].clone());
    }
    for outcomes in answered {
        assert_eq!(place(&outcomes[0]), place(&outcomes[1]));
        let repeated = outcomes.iter().filter(|outcome| outcome["repeated"] == json!(true)).count();
        assert_eq!(repeated, 1, "one of the two has said it first");
    }
    assert_eq!(records(&house).await, 40);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_sends_is_kept_and_answers_its_place_when_it_is_said_again() {
    let config =
        OutboxConfig { answer_limit_ms: 500, max_pending: 3, lease_ms: 1_000, ..OutboxConfig::default() };
    let mut house = House::still_with("server-unsent", config).await;
    let taken = || async { post(&house.url, ONE, &lost(0, "price")).await.0 == 202 };
    eventually(CATCH_UP_LIMIT, taken).await.unwrap();
    house.stop_relay().await;

    let (status, retry_after, kept) = post(&house.url, ONE, &lost(1, "price")).await;
    assert_eq!((status, retry_after), (504, Some(1)), "{kept}");
    assert_eq!(kept["type"], "urn:brainops:problem:not-acknowledged");
    let (status, _, conflict) = post(&house.url, ONE, &lost(1, "timing")).await;
    assert_eq!((status, conflict["results"][0].get("first")), (409, None), "it has no place yet: {conflict}");

    let batch = Value::from((2..6).map(|id| lost(id, "price")).collect::<Vec<_>>());
    let (status, retry_after, full) = post(&house.url, BATCH, &batch).await;
    assert_eq!((status, &full["type"]), (429, &json!("urn:brainops:problem:full")), "{full}");
    assert!(retry_after.is_some_and(|seconds| seconds >= 1));

    let (_, report) = house.readiness().await;
    let outbox = report["parts"].as_array().unwrap().iter().find(|part| part["name"] == "outbox").unwrap();
    assert_eq!(outbox["reason"], "shards without a relay that is ready: 4 of 4", "{report}");

    house.start_relay().await;
    let answers = || async { post(&house.url, ONE, &lost(1, "price")).await.0 == 202 };
    eventually(CATCH_UP_LIMIT, answers).await.unwrap();
    let (_, _, again) = post(&house.url, ONE, &lost(1, "price")).await;
    assert_eq!(again[0]["repeated"], json!(true));
    assert_eq!(records(&house).await, 2, "what was refused was not kept");
    let batch = json!([lost(2, "price"), lost(3, "price")]);
    let taken = || async { post(&house.url, BATCH, &batch).await.0 == 202 };
    eventually(CATCH_UP_LIMIT, taken).await.unwrap();
    assert_eq!(records(&house).await, 4);
    house.close().await;
}
