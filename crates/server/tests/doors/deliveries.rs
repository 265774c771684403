//! Webhook deliveries on their way from the door to the rows.
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{GITHUB_SECRET, House, accepted};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn deployment_status(state: &str, at: &str) -> Value {
    json!({
        "action": "created",
        "deployment_status": {"id": 9, "state": state, "environment": "staging", "created_at": at, "target_url": ""},
        "deployment": {"id": 77, "sha": SHA, "ref": "main", "environment": "staging", "payload": {"service": "shop"}},
        "repository": {"name": "shop", "full_name": "acme/shop"},
        "sender": {"login": "ada-lovelace"},
    })
}

async fn deliver(house: &House, id: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(GITHUB_SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let request = house.post("/webhooks/github", "application/json", body);
    let request = request.header("x-github-event", "deployment_status").header("x-github-delivery", id);
    accepted(request.header("x-hub-signature-256", signature)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_become_deployments_and_count_once() {
    let house = House::open("server-deliveries").await;
    deliver(&house, "d-1", &deployment_status("in_progress", "2026-01-31T12:00:00Z")).await;
    let succeeded = deployment_status("success", "2026-01-31T12:04:00Z");
    let (first, again) = (deliver(&house, "d-2", &succeeded).await, deliver(&house, "d-2", &succeeded).await);
    for (first, again) in first.as_array().unwrap().iter().zip(again.as_array().unwrap()) {
        assert_eq!((&first["repeated"], &again["repeated"]), (&json!(false), &json!(true)), "{again}");
        assert_eq!((&first["partition"], &first["offset"]), (&again["partition"], &again["offset"]));
    }
    let path = "/deployments?service=shop&environment=staging&status=succeeded";
    let deployments = house.until(path, |deployments| deployments["rows"] != json!([])).await;
    assert_eq!(deployments["rows"].as_array().unwrap().len(), 1);
    let deployment = &deployments["rows"][0];
    assert_eq!((&deployment["deployment_id"], &deployment["sha"]), (&json!("77"), &json!(SHA)));
    assert_eq!(
        (&deployment["started_at"], &deployment["duration_seconds"]),
        (&json!("2026-01-31T12:00:00.000Z"), &json!(240.0))
    );
    assert_eq!(house.get("/deployments?service=other").await["rows"], json!([]));

    let dora = house.get("/deployments/dora?service=shop").await;
    assert_eq!((&dora["total"][0]["succeeded"], &dora["total"][0]["failed"]), (&json!(1), &json!(0)));
    assert_eq!((&dora["weeks"][0]["iso_week"], &dora["more_weeks"]), (&json!("2026-W05"), &json!(false)));
    assert_eq!(dora["total"][0]["lead_time_median_seconds"], Value::Null);
    assert!(dora["total"][0]["lead_time_na_reason"].is_string());

    let source = "brainops%2Fwebhooks%2Fgithub%2Facme%2Fshop";
    let path = format!("/events?source={source}&id=d-2");
    let found = house.until(&path, |found| found["rows"] != json!([])).await;
    assert_eq!(found["rows"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        (&found["rows"][0]["type"], &found["rows"][0]["subject"]),
        (&json!("webhook.received"), &json!("github/d-2"))
    );
    let text = house.topic_text("deployment").await + &house.tables_text().await;
    assert!(text.contains("d-1") && !text.contains("ada-lovelace"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_reach_the_log_and_the_read_models_tell_how_far_they_are() {
    let house = House::open("server-alerts").await;
    let alert = |status: &str, ends_at: &str| {
        json!({
            "version": "4", "groupKey": "{}:{}", "status": status, "receiver": "brainops", "alerts": [{
                "status": status, "labels": {"alertname": "HighErrorRate", "service": "shop"}, "annotations": {},
                "startsAt": "2026-01-31T12:00:00Z", "endsAt": ends_at, "fingerprint": "aa11", "generatorURL": "",
            }],
        })
    };
    let (firing, resolved) =
        (alert("firing", "0001-01-01T00:00:00Z"), alert("resolved", "2026-01-31T12:30:00Z"));
    let fired = house.appended("/webhooks/alertmanager", "application/json", &firing).await;
    house.appended("/webhooks/alertmanager", "application/json", &resolved).await;
    let path =
        format!("/events?source=brainops%2Fwebhooks%2Falertmanager&id={}", fired[1]["id"].as_str().unwrap());
    let found = house.until(&path, |found| found["rows"] != json!([])).await;
    assert_eq!(found["rows"][0]["causation_id"], fired[0]["id"]);
    assert_eq!(found["rows"][0]["trust"], "external");

    let caught_up = |projections: &Value| {
        let rows = projections["rows"].as_array().unwrap();
        rows.len() == 4
            && rows.iter().all(|row| row["state"] == "running" && row["lag_seconds"] == json!(0.0))
    };
    let projections = house.until("/projections", caught_up).await;
    let operations = &projections["rows"][3];
    assert_eq!((&operations["read_model"], &operations["stopped"]), (&json!("operations"), &json!([])));
    let status: String = sqlx::query_scalar("SELECT status FROM operations.alert")
        .fetch_one(house.namespace.pool())
        .await
        .unwrap();
    assert_eq!(status, "resolved");
    assert_eq!(house.get("/readyz").await["ready"], json!(true));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_no_record_can_hold_leaves_nothing_behind() {
    let house = House::open("server-large").await;
    let large = json!({"version": "4", "groupKey": "g", "alerts": [], "padding": "x".repeat(1_100_000)});
    let request = house.post("/webhooks/alertmanager", "application/json", large.to_string());
    let answer = request.bearer_auth(crate::support::TOKEN).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    assert_eq!(house.topic_text("webhook").await, "");
    house.close().await;
}
