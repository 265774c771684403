//! `POST /webhooks/github`: signatures, deployments, and what is only kept.
use axum::body::Body;
use axum::http::Request;
use brainops_event::types::deployment::{DeploymentFailed, DeploymentStarted, DeploymentSucceeded};
use brainops_event::types::webhook::Received;
use brainops_event::{Trust, format_timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::support::{Answer, GITHUB_SECRET, House, data, position};
use crate::append::AppendFailure;

pub const DELIVERY: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
pub const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

pub fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(GITHUB_SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub async fn deliver(house: &House, event: &str, body: &Value) -> Answer {
    deliver_text(house, event, DELIVERY, &body.to_string()).await
}

async fn deliver_text(house: &House, event: &str, id: &str, body: &str) -> Answer {
    let request = Request::post("/webhooks/github")
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", signature(body));
    house.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn deployment_status(state: &str) -> Value {
    json!({
        "action": "created",
        "deployment_status": {
            "id": 9, "state": state, "environment": "production", "target_url": "https://ci.example.org/9",
            "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T13:00:00Z",
        },
        "deployment": {
            "id": 145988746, "sha": SHA, "ref": "refs/heads/main", "task": "deploy", "environment": "production",
            "payload": {}, "created_at": "2026-01-31T11:00:00Z",
        },
        "repository": {"id": 1, "name": "shop", "full_name": "acme/shop"},
        "sender": {"login": "ada-lovelace"},
    })
}

#[tokio::test]
async fn only_what_is_signed_is_looked_at() {
    let house = House::new();
    let body = deployment_status("success").to_string();
    let other = signature("another body");
    for header in [None, Some(""), Some("sha256=00"), Some(other.as_str()), Some(&signature(&body)[7..])] {
        let mut request = Request::post("/webhooks/github").header("x-github-event", "push");
        if let Some(header) = header {
            request = request.header("x-hub-signature-256", header);
        }
        house.send(request.body(Body::from(body.clone())).unwrap()).await.problem(401);
    }
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn a_deployment_status_is_kept_and_becomes_a_deployment_event() {
    let house = House::new();
    let answer = deliver(&house, "deployment_status", &deployment_status("success")).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let answered = answer.json();
    assert_eq!(answered[0]["id"], DELIVERY);
    assert_eq!(answered[0]["source"], "brainops/webhooks/github/acme/shop");
    assert_eq!(answered[1]["topic"], "test.deployment");
    assert_eq!(answered[1]["offset"], "1");

    let events = house.events();
    let [kept, fact] = events.as_slice() else { panic!("{} events", events.len()) };
    assert_eq!(kept.envelope.subject().as_str(), format!("github/{DELIVERY}"));
    let received: Received = data(kept);
    assert_eq!(
        (received.provider.as_str(), received.event.as_deref()),
        ("github", Some("deployment_status"))
    );
    let body = house.keys.open(&format!("github/{DELIVERY}"), "delivery", &received.body.unwrap());
    assert_eq!(body, deployment_status("success").to_string());

    assert_eq!(fact.envelope.event_type().as_str(), "deployment.succeeded");
    assert_eq!(fact.envelope.subject().as_str(), "shop/production");
    assert_eq!(fact.envelope.causation_id(), Some(DELIVERY));
    assert_eq!(fact.envelope.trust(), Some(Trust::External));
    assert_eq!(format_timestamp(&fact.envelope.time().unwrap()), "2026-01-31T12:00:00.000Z");
    let data: DeploymentSucceeded = data(fact);
    assert_eq!((data.deployment_id.as_str(), data.sha.as_str()), ("145988746", SHA));
    assert_eq!(
        (data.git_ref.as_deref(), data.url.as_deref()),
        (Some("main"), Some("https://ci.example.org/9"))
    );
    assert_eq!(data.repository, None);
    drop(events);
    assert!(!house.everything().contains("ada-lovelace"));
}

#[tokio::test]
async fn states_come_down_to_three_events_or_none() {
    for (state, event) in [
        ("pending", Some("deployment.started")),
        ("queued", Some("deployment.started")),
        ("in_progress", Some("deployment.started")),
        ("success", Some("deployment.succeeded")),
        ("failure", Some("deployment.failed")),
        ("error", Some("deployment.failed")),
        ("inactive", None),
        ("waiting", None),
        ("of_the_future", None),
    ] {
        let house = House::new();
        assert_eq!(
            deliver(&house, "deployment_status", &deployment_status(state)).await.status.as_u16(),
            202
        );
        let types: Vec<String> =
            house.events().iter().skip(1).map(|event| event.envelope.event_type().to_string()).collect();
        assert_eq!(types, Vec::from_iter(event.map(str::to_owned)), "{state}");
    }
}

#[tokio::test]
async fn the_payload_may_name_service_and_repository() {
    let house = House::with(|config| {
        config.repositories.insert("acme/shop".to_owned(), "shop-from-config".to_owned());
    });
    let mut failed = deployment_status("error");
    failed["deployment"]["payload"] = json!({"service": "checkout", "repository": "shop-0123456789ab"});
    failed["deployment"]["ref"] = json!(SHA);
    failed["deployment_status"]["target_url"] = json!("");
    deliver(&house, "deployment_status", &failed).await;
    let data: DeploymentFailed = data(&house.events()[1]);
    assert_eq!((data.service.as_str(), data.repository.as_deref()), ("checkout", Some("shop-0123456789ab")));
    assert_eq!((data.git_ref, data.url, data.reason_code.as_deref()), (None, None, Some("error")));

    let mut started = deployment_status("pending");
    started["deployment"]["payload"] = json!("free text of a deployer");
    deliver(&house, "deployment_status", &started).await;
    let data: DeploymentStarted = super::support::data(&house.events()[3]);
    assert_eq!((data.service.as_str(), data.repository.as_deref()), ("shop", Some("shop-from-config")));
}

#[tokio::test]
async fn a_malformed_deployment_status_is_refused_whole() {
    let house = House::new();
    for (pointer, value, field) in [
        ("/deployment_status", json!(null), "deployment_status"),
        ("/deployment_status/state", json!(7), "deployment_status.state"),
        ("/deployment_status/created_at", json!("soon"), "deployment_status.created_at"),
        ("/deployment_status/environment", json!("a\nb"), "deployment_status.environment"),
        ("/deployment_status/environment", json!("x".repeat(201)), "deployment_status.environment"),
        ("/deployment_status/target_url", json!("javascript:alert(1)"), "deployment_status.target_url"),
        ("/deployment/id", json!("145988746"), "deployment.id"),
        ("/deployment/id", json!(-1), "deployment.id"),
        ("/deployment/sha", json!("main"), "deployment.sha"),
        ("/deployment/sha", json!(SHA.to_uppercase()), "deployment.sha"),
        ("/deployment/payload", json!({"service": "a/b"}), "deployment.payload.service"),
        ("/repository/name", json!(""), "repository.name"),
        ("/repository/full_name", json!("shop"), "repository.full_name"),
        ("/repository/full_name", json!("acme/shop/../x"), "repository.full_name"),
        ("/action", json!(null), "action"),
    ] {
        let mut body = deployment_status("success");
        *body.pointer_mut(pointer).unwrap() = value;
        deliver(&house, "deployment_status", &body).await.wrong_field(422, field);
    }
    for (body, field) in [("{", "body"), ("[]", "body"), ("", "body"), ("\"x\"", "body")] {
        deliver_text(&house, "deployment_status", DELIVERY, body).await.wrong_field(422, field);
    }
    deliver_text(&house, "deployment_status", DELIVERY, &"[".repeat(10_000)).await.wrong_field(422, "body");
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn kinds_that_we_do_not_know_are_kept() {
    let house = House::new();
    let body = json!({"zen": "Keep it logically awesome.", "hook_id": 1, "organization": {"login": "acme"}});
    assert_eq!(deliver(&house, "ping", &body).await.status.as_u16(), 202);
    let create = json!({"ref": "v1", "ref_type": "tag", "repository": {"full_name": "acme/shop"}});
    assert_eq!(deliver(&house, "create", &create).await.status.as_u16(), 202);
    let sources: Vec<String> =
        house.events().iter().map(|event| event.envelope.source().to_string()).collect();
    assert_eq!(sources, ["brainops/webhooks/github", "brainops/webhooks/github/acme/shop"]);
}

#[tokio::test]
async fn a_delivery_needs_an_id_and_a_name() {
    let house = House::new();
    let body = deployment_status("success").to_string();
    for id in ["", "a b", "a/b", &"x".repeat(101)] {
        deliver_text(&house, "push", id, &body).await.wrong_field(400, "x-github-delivery");
    }
    for event in ["", "a-b", "a/b", &"x".repeat(101)] {
        deliver_text(&house, event, DELIVERY, &body).await.wrong_field(400, "x-github-event");
    }
}

#[tokio::test]
async fn the_same_delivery_says_the_same_events() {
    let house = House::new();
    for _ in 0..2 {
        deliver(&house, "deployment_status", &deployment_status("success")).await;
    }
    deliver_text(&house, "deployment_status", "another-delivery", &deployment_status("success").to_string())
        .await;
    let events = house.events();
    let ids: Vec<&str> = events.iter().map(|event| event.envelope.id().as_str()).collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
    assert!(ids[4] != ids[0] && ids[5] != ids[1]);
}

#[tokio::test]
async fn the_provider_hears_2xx_only_when_all_is_in_the_log() {
    let house = House::new();
    house.log.failures.lock().unwrap().insert(1, AppendFailure::Unacknowledged);
    let problem = deliver(&house, "deployment_status", &deployment_status("success")).await.problem(504);
    assert_eq!(problem["results"][0]["offset"], "0");
    assert!(problem["results"][1]["failure"].is_string());
}

/// The configuration may name the repository otherwise by now, or a provider words an old fact anew.
#[tokio::test]
async fn a_fact_that_was_told_before_in_other_words_is_told() {
    let house = House::new();
    let told = AppendFailure::Conflict { first: Some(position("test.deployment/2@5")) };
    house.log.failures.lock().unwrap().insert(1, told);
    let answer = deliver(&house, "deployment_status", &deployment_status("success")).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let outcomes = answer.json();
    assert_eq!((&outcomes[0]["repeated"], &outcomes[1]["repeated"]), (&json!(false), &json!(true)));
    assert_eq!(outcomes[1]["first"], json!({"topic": "test.deployment", "partition": 2, "offset": "5"}));

    // One that is still on its way is not in the log, and the delivery itself is never another's.
    for (place, first) in [(1, None), (0, Some(position("test.webhook/0@1")))] {
        house.log.failures.lock().unwrap().clear();
        house.log.failures.lock().unwrap().insert(place, AppendFailure::Conflict { first });
        deliver(&house, "deployment_status", &deployment_status("success")).await.wrong_field(409, "id");
    }
}
