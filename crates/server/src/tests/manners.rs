//! What all doors have in common: who may pass, and how they refuse.
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use tokio_util::sync::CancellationToken;

use super::support::{House, MemoryKeys, MemoryLog, TOKEN, parts, with_token};
use crate::config::ServerConfig;
use crate::server::{Server, ServerError};

const GUARDED: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/events?source=a&id=b"),
    ("POST", "/events"),
    ("POST", "/seal"),
    ("POST", "/webhooks/alertmanager"),
    ("GET", "/deployments"),
    ("GET", "/deployments/dora"),
    ("GET", "/leads"),
    ("GET", "/leads/funnel"),
    ("GET", "/projections"),
    ("GET", "/agents"),
    ("GET", "/sagas"),
    ("GET", "/sagas/waits"),
    ("GET", "/sagas/agent/about"),
    ("POST", "/sagas/agent/about"),
    ("GET", "/tasks"),
    ("POST", "/tasks/claim"),
    ("POST", "/tasks/renew"),
    ("POST", "/tasks/release"),
    ("POST", "/tasks/complete"),
    ("POST", "/tasks/fail"),
    ("POST", "/tasks/cancel"),
];

#[tokio::test]
async fn nothing_but_health_is_open() {
    let house = House::new();
    for (method, path) in GUARDED {
        for token in [None, Some(""), Some("Bearer "), Some("Bearer wrong"), Some(TOKEN), Some("Basic dDp0")]
        {
            let mut request = Request::builder().method(*method).uri(*path);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let answer = house.send(request.body(Body::empty()).unwrap()).await;
            answer.problem(401);
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{path}");
        }
    }
    let alive = house.send(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!((alive.status.as_u16(), alive.json()["alive"].as_bool()), (200, Some(true)));
}

#[tokio::test]
async fn readiness_lists_what_is_away_without_saying_where() {
    let answer = House::new().send(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status.as_u16(), 503);
    let report = answer.json();
    assert_eq!(report["parts"][0], serde_json::json!({"name": "kafka", "ready": true}));
    assert_eq!(
        report["parts"][1],
        serde_json::json!({"name": "postgres", "ready": false, "reason": "unreachable"})
    );
    assert!(!answer.text.contains("127.0.0.1"));
}

#[tokio::test]
async fn unknown_paths_methods_and_media_types_are_refused_in_kind() {
    let house = House::new();
    for path in ["/nothing", "/events/", "/deployments/dora/x", "//", "/%2e%2e/events"] {
        house.get(path).await.problem(404);
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/events", "GET,HEAD,POST"),
        (Method::GET, "/seal", "POST"),
        (Method::POST, "/leads", "GET,HEAD"),
        (Method::GET, "/webhooks/github", "POST"),
    ] {
        let request = with_token(Request::builder().method(method).uri(path)).body(Body::empty()).unwrap();
        let answer = house.send(request).await;
        answer.problem(405);
        assert_eq!(answer.headers["allow"], allowed, "{path}");
    }
    for (path, accepted) in [
        ("/events", "application/cloudevents-batch+json"),
        ("/seal", "application/json"),
        ("/webhooks/alertmanager", "application/json"),
    ] {
        for content_type in
            ["text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded"]
        {
            let problem = house.post(path, content_type, "{}").await.wrong_field(415, "content-type");
            assert!(problem["errors"][0]["expected"].as_str().unwrap().contains(accepted));
        }
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_unread() {
    let house = House::with(|config| config.max_body_bytes = 2_048);
    for path in ["/events", "/seal"] {
        house.post(path, "application/json", "x".repeat(2_049)).await.problem(413);
        // One byte less is read, and then found to be no JSON.
        house.post(path, "application/json", "x".repeat(2_048)).await.problem(422);
    }
    house
        .post("/webhooks/alertmanager", "application/json", " ".repeat(5 * 1_024 * 1_024 + 1))
        .await
        .problem(413);
}

#[tokio::test]
async fn every_answer_has_an_id_of_ours() {
    let house = House::new();
    let request =
        Request::get("/healthz").header("x-request-id", "of-the-caller").body(Body::empty()).unwrap();
    let answer = house.send(request).await;
    assert_ne!(answer.headers["x-request-id"], "of-the-caller");
    assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
}

#[tokio::test]
async fn the_index_lists_doors_that_are_there() {
    let house = House::new();
    let doors = house.get("/").await.json()["doors"].as_array().unwrap().clone();
    assert!(doors.len() >= GUARDED.len());
    for door in doors {
        let (method, path) = (door["method"].as_str().unwrap(), door["path"].as_str().unwrap());
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let status = house.send(request).await.status.as_u16();
        assert!(![404, 405].contains(&status), "{method} {path} answers {status}");
    }
}

#[tokio::test]
async fn who_comes_when_all_places_are_taken_is_asked_to_come_later() {
    let house = House::new();
    let taken = house.take_all_places().await;
    for path in ["/", "/deployments"] {
        assert_eq!(house.get(path).await.problem(429)["type"], "urn:brainops:problem:busy");
    }
    assert_eq!(house.get("/healthz").await.status.as_u16(), 200);
    drop(taken);
    assert_eq!(house.get("/").await.status.as_u16(), 200);
}

async fn bind(listen: &str) -> Result<Server, ServerError> {
    let config = ServerConfig { listen: listen.parse().unwrap(), ..ServerConfig::default() };
    Server::bind(config, parts(Arc::new(MemoryLog::default()), Arc::new(MemoryKeys::new()))).await
}

#[tokio::test]
async fn doors_open_on_a_free_address_of_this_machine_only() {
    assert!(matches!(bind("0.0.0.0:0").await, Err(ServerError::Config(_))));
    let server = bind("127.0.0.1:0").await.unwrap();
    let taken = server.local_addr();
    assert!(
        matches!(bind(&taken.to_string()).await, Err(ServerError::Bind { listen, .. }) if listen == taken)
    );
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    server.run(shutdown).await.unwrap();
    bind(&taken.to_string()).await.unwrap();
}
