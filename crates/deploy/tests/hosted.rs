//! Hosted providers, against servers on loopback that speak their documented shapes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use brainops_deploy::{
    DeploymentState, Provider, ProviderError, Render, ServiceKey, ServiceStatus, StartRequest, Vercel,
};
use serde_json::{Value, json};

const TOKEN: &str = "the-token";

/// A server that answers by method and path, and notes what it was asked.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<Vec<(String, StatusCode, Value)>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    /// Answers what begins so from now on; what was said last counts.
    fn answers(&self, beginning: &str, status: StatusCode, body: Value) {
        self.answers.lock().unwrap().insert(0, (beginning.to_owned(), status, body));
    }

    fn asked(&self, beginning: &str) -> Vec<(String, Value)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(line, _)| line.starts_with(beginning)).cloned().collect()
    }

    async fn start(&self) -> String {
        rustls::crypto::ring::default_provider().install_default().ok(); // the first test does
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown != Some("Bearer the-token") {
        return (StatusCode::UNAUTHORIZED, Json(json!({"message": "Unauthorized"}))).into_response();
    }
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let line = format!("{} {}", parts.method, parts.uri);
    server.asked.lock().unwrap().push((line.clone(), serde_json::from_slice(&body).unwrap_or_default()));
    let answers = server.answers.lock().unwrap();
    let found = answers.iter().find(|(beginning, _, _)| line.starts_with(beginning.as_str()));
    let (status, body) = found
        .map_or((StatusCode::NOT_FOUND, json!({"message": "not found"})), |(_, status, body)| {
            (*status, body.clone())
        });
    (status, Json(body)).into_response()
}

fn key() -> ServiceKey {
    ServiceKey { service: "shop".to_owned(), environment: "production".to_owned() }
}

fn sha(letter: &str) -> String {
    letter.repeat(40)
}

fn wanted(revision: &str) -> StartRequest {
    StartRequest { deployment_id: "ours".to_owned(), revision: revision.to_owned(), cause: None }
}

/// Ids and states of deployments, the newest first.
fn states(status: &ServiceStatus) -> Vec<(&str, DeploymentState)> {
    status.deployments.iter().map(|one| (one.deployment_id.as_str(), one.state)).collect()
}

/// What all providers refuse alike.
async fn refuses_what_cannot_be(provider: &dyn Provider) {
    let other = ServiceKey { service: "mail".to_owned(), ..key() };
    match provider.status(&other).await {
        Err(ProviderError::Unknown { accepted, .. }) => assert_eq!(accepted, "shop/production"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(provider.start(&key(), &wanted("main")).await, Err(ProviderError::Unknown { .. })));
    assert!(matches!(provider.rollback(&key(), "nowhere").await, Err(ProviderError::Unknown { .. })));
}

fn deploy(id: &str, commit: &str, status: &str, minute: u32) -> Value {
    let at = |minute: u32| format!("2026-11-27T10:{minute:02}:00.5Z");
    let is_over = !status.ends_with("in_progress");
    json!({
        "id": id, "commit": {"id": commit, "message": "words of a person", "createdAt": at(0)}, "status": status, "trigger": "api",
        "createdAt": at(minute), "finishedAt": is_over.then(|| at(minute + 2)), "updatedAt": at(minute + 2),
    })
}

fn listed(deploys: &[Value]) -> Value {
    deploys.iter().map(|deploy| json!({"deploy": deploy, "cursor": "c"})).collect()
}

#[tokio::test]
async fn render_is_deployed_to_rolled_back_and_read() {
    let server = Server::default();
    let url = server.start().await;
    let render = Render::new(&url, TOKEN.to_owned(), [(key(), "srv-1".to_owned())]).unwrap();
    let deploys = "GET /v1/services/srv-1/deploys";
    server.answers(
        "GET /v1/services/srv-1",
        StatusCode::OK,
        json!({"id": "srv-1", "ownerId": "tea-1", "name": "shop", "serviceDetails": {"url": "https://shop.onrender.com"}}),
    );
    let (bad, good) = (deploy("dep-3", &sha("c"), "live", 30), deploy("dep-1", &sha("a"), "deactivated", 10));
    let failed = deploy("dep-2", &sha("b"), "build_failed", 20);
    let of_image = json!({"id": "dep-0", "status": "deactivated", "createdAt": "2026-11-27T09:00:00Z", "trigger": "api"});
    server.answers(deploys, StatusCode::OK, listed(&[bad.clone(), failed.clone(), good.clone(), of_image]));
    let status = render.status(&key()).await.unwrap();
    assert_eq!(
        (status.url.as_str(), status.serving.as_deref()),
        ("https://shop.onrender.com", Some("dep-3"))
    );
    let (healthy, broken) = (DeploymentState::Healthy, DeploymentState::Failed);
    assert_eq!(states(&status), [("dep-3", healthy), ("dep-2", broken), ("dep-1", healthy)]);
    assert_eq!(status.deployments[1].reason.as_deref(), Some("build_failed"));
    assert_eq!(status.deployments[0].healthy_at.unwrap().to_rfc3339(), "2026-11-27T10:32:00.500+00:00");

    server.answers(
        "POST /v1/services/srv-1/rollback",
        StatusCode::CREATED,
        deploy("dep-4", &sha("a"), "update_in_progress", 40),
    );
    let begun = render.rollback(&key(), "dep-3").await.unwrap();
    assert_eq!((begun.deployment_id.as_str(), begun.sha), ("dep-4", sha("a")));
    assert_eq!(begun.state, DeploymentState::Starting);
    assert_eq!(server.asked("POST /v1/services/srv-1/rollback")[0].1, json!({"deployId": "dep-1"}));

    // What the rollback came to is seen in what Render lists; the same again is nothing more.
    let mut again = deploy("dep-4", &sha("a"), "live", 40);
    again["trigger"] = json!("rollback");
    let mut bad = bad;
    bad["status"] = json!("deactivated");
    server.answers(deploys, StatusCode::OK, listed(&[again, bad, failed, good]));
    let status = render.status(&key()).await.unwrap();
    let rolled_back = status.deployments[1].rolled_back.as_ref().unwrap();
    assert_eq!((rolled_back.restored.as_str(), &rolled_back.restored_sha), ("dep-4", &sha("a")));
    assert_eq!(render.rollback(&key(), "dep-3").await.unwrap().deployment_id, "dep-4");
    assert_eq!(server.asked("POST /v1/services/srv-1/rollback").len(), 1);

    server.answers(
        "POST /v1/services/srv-1/deploys",
        StatusCode::CREATED,
        deploy("dep-5", &sha("d"), "build_in_progress", 50),
    );
    let begun = render.start(&key(), &wanted(&sha("d"))).await.unwrap();
    assert_eq!((begun.deployment_id.as_str(), begun.sha), ("dep-5", sha("d")));
    assert_eq!(server.asked("POST /v1/services/srv-1/deploys")[0].1, json!({"commitId": sha("d")}));

    let lines = json!({"logs": [{"id": "2", "message": "KeyError: x"}, {"id": "1", "message": "begun"}], "hasMore": false});
    server.answers("GET /v1/logs", StatusCode::OK, lines);
    assert_eq!(render.logs(&key(), "dep-3", 2_000).await.unwrap(), ["begun", "KeyError: x"]);
    let asked = &server.asked("GET /v1/logs")[0].0;
    assert!(
        asked.contains("ownerId=tea-1") && asked.contains("resource=srv-1") && asked.contains("limit=100"),
        "{asked}"
    );
    assert!(matches!(render.logs(&key(), "dep-9", 1).await, Err(ProviderError::Unknown { .. })));
    refuses_what_cannot_be(&render).await;
}

#[tokio::test]
async fn what_a_provider_refuses_and_what_it_does_not_answer_are_told_apart() {
    let server = Server::default();
    let url = server.start().await;
    let render =
        |url: &str, token: &str| Render::new(url, token.to_owned(), [(key(), "srv-1".to_owned())]).unwrap();
    let start = async |render: Render| render.start(&key(), &wanted(&sha("d"))).await;
    let refused = start(render(&url, "another")).await;
    assert!(
        matches!(&refused, Err(ProviderError::Refused(why)) if why.contains("Unauthorized")),
        "{refused:?}"
    );
    let limited = "POST /v1/services/srv-1/deploys";
    server.answers(limited, StatusCode::TOO_MANY_REQUESTS, json!({"message": "slow down"}));
    assert!(matches!(start(render(&url, TOKEN)).await, Err(ProviderError::Unavailable(_))));
    server.answers(limited, StatusCode::OK, json!({"unheard": "of"}));
    assert!(matches!(start(render(&url, TOKEN)).await, Err(ProviderError::Unavailable(_))));
    assert!(matches!(start(render("http://127.0.0.1:1", TOKEN)).await, Err(ProviderError::Unavailable(_))));
}

fn deployment(id: &str, commit: &str, state: &str, minute: i64) -> Value {
    let at = 1_795_000_000_000 + minute * 60_000;
    json!({
        "uid": id, "name": "shop", "url": format!("{id}.vercel.app"), "created": at, "ready": (state == "READY").then_some(at + 30_000),
        "state": state, "readyState": state, "createdAt": at, "target": "production", "meta": {"githubCommitSha": commit, "githubCommitRef": "main", "githubCommitMessage": "words"},
    })
}

fn project(serving: &str, request: &Value) -> Value {
    json!({
        "id": "prj_1", "name": "shop", "targets": {"production": {"id": serving, "alias": ["shop.example"]}},
        "link": {"type": "github", "repoId": 4711, "productionBranch": "main"}, "lastAliasRequest": request,
    })
}

#[tokio::test]
async fn vercel_is_deployed_to_rolled_back_and_read() {
    let server = Server::default();
    let url = server.start().await;
    let team = Some("team_1".to_owned());
    let vercel = Vercel::new(&url, (TOKEN.to_owned(), team), [(key(), "prj_1".to_owned())]).unwrap();
    server.answers("GET /v9/projects/prj_1", StatusCode::OK, project("dpl_3", &json!(null)));
    let deployments = [
        deployment("dpl_3", &sha("c"), "READY", 30),
        deployment("dpl_2", &sha("b"), "ERROR", 20),
        deployment("dpl_1", &sha("a"), "READY", 10),
        json!({"uid": "dpl_0", "created": 1, "state": "READY", "meta": {}}),
    ];
    server.answers(
        "GET /v6/deployments",
        StatusCode::OK,
        json!({"deployments": deployments, "pagination": {}}),
    );
    let status = vercel.status(&key()).await.unwrap();
    assert_eq!((status.url.as_str(), status.serving.as_deref()), ("https://shop.example", Some("dpl_3")));
    let (healthy, broken) = (DeploymentState::Healthy, DeploymentState::Failed);
    assert_eq!(states(&status), [("dpl_3", healthy), ("dpl_2", broken), ("dpl_1", healthy)]);
    assert_eq!(status.deployments[0].git_ref.as_deref(), Some("main"));
    let asked = &server.asked("GET /v6/deployments")[0].0;
    assert!(
        asked.contains("projectId=prj_1")
            && asked.contains("teamId=team_1")
            && asked.contains("target=production"),
        "{asked}"
    );

    server.answers("POST /v1/projects/prj_1/rollback/dpl_1", StatusCode::CREATED, json!(null));
    assert_eq!(vercel.rollback(&key(), "dpl_3").await.unwrap().deployment_id, "dpl_1");
    let request = json!({
        "fromDeploymentId": "dpl_3", "toDeploymentId": "dpl_1", "jobStatus": "succeeded", "requestedAt": 1_795_003_000_000_i64, "type": "rollback",
    });
    server.answers("GET /v9/projects/prj_1", StatusCode::OK, project("dpl_1", &request));
    let status = vercel.status(&key()).await.unwrap();
    assert_eq!(status.serving.as_deref(), Some("dpl_1"));
    let rolled_back = status.deployments[0].rolled_back.as_ref().unwrap();
    assert_eq!((rolled_back.restored.as_str(), &rolled_back.restored_sha), ("dpl_1", &sha("a")));
    assert_eq!(vercel.rollback(&key(), "dpl_3").await.unwrap().deployment_id, "dpl_1");
    assert_eq!(server.asked("POST /v1/projects/prj_1/rollback").len(), 1, "the same again is nothing more");

    let begun = json!({"id": "dpl_4", "readyState": "QUEUED", "createdAt": 1_795_004_000_000_i64, "url": "dpl_4.vercel.app"});
    server.answers("POST /v13/deployments", StatusCode::OK, begun);
    let begun = vercel.start(&key(), &wanted(&sha("d"))).await.unwrap();
    assert_eq!((begun.deployment_id.as_str(), begun.state), ("dpl_4", DeploymentState::Starting));
    let source = json!({"type": "github", "repoId": 4711, "ref": "main", "sha": sha("d")});
    let body = json!({"name": "shop", "project": "prj_1", "target": "production", "gitSource": source});
    assert_eq!(server.asked("POST /v13/deployments")[0].1, body);

    let events = json!([{"type": "stderr", "created": 2, "payload": {"text": "Error: x"}}, {"type": "stdout", "text": "begun"}, {"type": "state"}]);
    server.answers("GET /v3/deployments/dpl_3/events", StatusCode::OK, events);
    assert_eq!(vercel.logs(&key(), "dpl_3", 50).await.unwrap(), ["begun", "Error: x"]);
    refuses_what_cannot_be(&vercel).await;
}
