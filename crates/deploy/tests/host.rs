//! The local host, with a real service that has a history: deployed, broken, rolled back, killed and started again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use brainops_deploy::host::{ApiError, HostApi, HostClient, Manifest, RunningHost};
use brainops_deploy::{
    Cause, Deployed, DeploymentState, Provider as _, ProviderError, ServiceKey, ServiceStatus, StartRequest,
};
use brainops_testkit::eventually;

/// How long a deployment may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A service in one file: says its version, fails where the text says so.
const SERVICE: &str = r#"
import http.server, os, sys
VERSION, MOOD = "@VERSION@", "@MOOD@"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = MOOD == "sick" or (MOOD == "broken" and self.path != "/healthz")
        if sick: print("Traceback: in app.py", file=sys.stderr, flush=True)
        self.send_response(500 if sick else 200); self.end_headers()
        self.wfile.write(VERSION.encode())
    def log_message(self, *a): pass
if MOOD == "exits": sys.exit(3)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

struct Ground {
    folder: tempfile::TempDir,
    port: u16,
}

fn git(folder: &Path, words: &[&str]) {
    let who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").arg("-C").arg(folder).args(who).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Ground {
    fn new() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok(); // the first test does
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "--quiet"]);
        for (version, mood) in
            [("one", "well"), ("two", "well"), ("three", "broken"), ("four", "sick"), ("five", "exits")]
        {
            fs::write(
                repository.join("app.py"),
                SERVICE.replace("@VERSION@", version).replace("@MOOD@", mood),
            )
            .unwrap();
            git(&repository, &["add", "."]);
            git(&repository, &["commit", "--quiet", "--message", version]);
            git(&repository, &["tag", version]);
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let manifest = format!(
            "[[service]]\nname = \"shop\"\nrepository = \"repository\"\nlisten = \"127.0.0.1:{port}\"\nstart = [\"python3\", \"app.py\"]\n\
             health = \"/healthz\"\nhealthy_within_seconds = 3\n"
        );
        fs::write(folder.path().join("services.toml"), manifest).unwrap();
        Self { folder, port }
    }

    async fn host(&self) -> RunningHost {
        let manifest = Manifest::read(&self.folder.path().join("services.toml")).unwrap();
        RunningHost::start(manifest, &self.folder.path().join("host")).await.unwrap()
    }

    async fn get(&self) -> (u16, String) {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/", self.port)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn key() -> ServiceKey {
    ServiceKey { service: "shop".to_owned(), environment: "local".to_owned() }
}

async fn status(host: &RunningHost) -> ServiceStatus {
    host.provider().status(&key()).await.unwrap()
}

/// Deploys, and waits until it is healthy or has failed.
async fn deploy(host: &RunningHost, id: &str, revision: &str) -> Deployed {
    let request = StartRequest { deployment_id: id.to_owned(), revision: revision.to_owned(), cause: None };
    host.provider().start(&key(), &request).await.unwrap();
    let one = || async {
        let deployments = status(host).await.deployments;
        deployments.into_iter().find(|one| one.deployment_id == id).unwrap()
    };
    let has_begun = || async { one().await.state != DeploymentState::Starting };
    eventually(LIMIT, has_begun).await.expect("it is healthy or has failed");
    one().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_deployed_broken_and_rolled_back() {
    let ground = Ground::new();
    let host = ground.host().await;
    assert_eq!(ground.get().await.0, 503, "nothing serves yet");
    let first = deploy(&host, "d-1", "one").await;
    assert_eq!((first.state, first.sha.len()), (DeploymentState::Healthy, 40));
    assert_eq!(ground.get().await, (200, "one".to_owned()));
    deploy(&host, "d-2", "two").await;
    assert_eq!(ground.get().await, (200, "two".to_owned()));
    // Healthy by its own word, and every request fails.
    assert_eq!(deploy(&host, "d-3", "three").await.state, DeploymentState::Healthy);
    assert_eq!(ground.get().await, (500, "three".to_owned()));
    let logs = host.provider().logs(&key(), "d-3", 10).await.unwrap();
    assert!(logs.iter().any(|line| line.contains("app.py")), "{logs:?}");
    let serving = host.provider().rollback(&key(), "d-3").await.unwrap();
    assert_eq!(serving.deployment_id, "d-2");
    let bad = status(&host).await.deployments.remove(0);
    assert_eq!(
        bad.rolled_back.map(|it| (it.restored, it.restored_sha)),
        Some(("d-2".to_owned(), serving.sha))
    );
    assert_eq!(ground.get().await, (200, "two".to_owned()));
    // The same again is the same, and the one before that was ended.
    assert_eq!(host.provider().rollback(&key(), "d-3").await.unwrap().deployment_id, "d-2");
    assert!(matches!(host.provider().rollback(&key(), "d-2").await, Err(ProviderError::Refused(_))));
    assert_eq!(status(&host).await.deployments[2].state, DeploymentState::Stopped);
    let tree = ground.folder.path().join("host/shop/local/trees/d-1");
    eventually(LIMIT, || async { !tree.exists() }).await.expect("the tree of what was ended is gone");
    let noted = fs::read_to_string(ground.folder.path().join("host/shop/local/access.log")).unwrap();
    let statuses: Vec<u64> = noted
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 200, 500, 200]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_becomes_healthy_is_sent_no_requests() {
    let ground = Ground::new();
    let host = ground.host().await;
    deploy(&host, "d-1", "one").await;
    for (id, revision, reason) in [("d-2", "four", "health_check"), ("d-3", "five", "exited")] {
        let failed = deploy(&host, id, revision).await;
        assert_eq!(
            (failed.state, failed.reason.as_deref()),
            (DeploymentState::Failed, Some(reason)),
            "{revision}"
        );
        assert_eq!(ground.get().await, (200, "one".to_owned()));
    }
    assert_eq!(status(&host).await.serving.as_deref(), Some("d-1"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_begins_again_serves_what_served() {
    let ground = Ground::new();
    let host = ground.host().await;
    deploy(&host, "d-1", "one").await;
    deploy(&host, "d-2", "two").await;
    host.stop().await;
    let host = ground.host().await;
    assert_eq!(ground.get().await, (200, "two".to_owned()));
    assert_eq!(host.provider().rollback(&key(), "d-2").await.unwrap().deployment_id, "d-1");
    assert_eq!(ground.get().await, (200, "one".to_owned()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_deployment_again_is_the_same_and_what_cannot_be_is_refused() {
    let ground = Ground::new();
    let host = ground.host().await;
    deploy(&host, "d-1", "one").await;
    let again = StartRequest { deployment_id: "d-1".to_owned(), revision: "two".to_owned(), cause: None };
    assert_eq!(host.provider().start(&key(), &again).await.unwrap().state, DeploymentState::Healthy);
    assert_eq!(ground.get().await, (200, "one".to_owned()));
    let odd = StartRequest { deployment_id: "../d".to_owned(), revision: "two".to_owned(), cause: None };
    assert!(matches!(host.provider().start(&key(), &odd).await, Err(ProviderError::Refused(_))));
    let nowhere =
        StartRequest { deployment_id: "d-4".to_owned(), revision: "nowhere".to_owned(), cause: None };
    assert!(matches!(host.provider().start(&key(), &nowhere).await, Err(ProviderError::Unknown { .. })));
    assert_eq!(status(&host).await.deployments.len(), 1, "what was refused is no deployment");
    let other = ServiceKey { service: "mail".to_owned(), environment: "local".to_owned() };
    assert!(matches!(host.provider().status(&other).await, Err(ProviderError::Unknown { .. })));
    assert!(matches!(host.provider().rollback(&key(), "d-9").await, Err(ProviderError::Unknown { .. })));
    host.stop().await;
}

#[test]
fn a_manifest_that_cannot_be_is_refused_with_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services.toml");
    let good = "[[service]]\nname = \"shop\"\nrepository = \".\"\nlisten = \"127.0.0.1:1\"\nstart = [\"true\"]\nhealth = \"/\"\n";
    for (text, says) in [
        (good.replace("shop", "../shop"), "name"),
        (good.replace("127.0.0.1:1", "0.0.0.0:1"), "listen"),
        (good.replace("[\"true\"]", "[]"), "start"),
        (good.replace("\"/\"", "\"healthz\""), "health"),
        (format!("{good}healthy_within_seconds = 0\n"), "healthy_within_seconds"),
        (format!("{good}{good}"), "name"),
        (format!("{good}moods = 1\n"), "manifest"),
    ] {
        fs::write(&path, &text).unwrap();
        let error = Manifest::read(&path).expect_err(&text).to_string();
        assert!(error.contains(says), "{error}");
    }
    fs::write(&path, good).unwrap();
    assert_eq!(Manifest::read(&path).unwrap().service.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_the_same_provider_from_another_process_for_who_shows_the_token() {
    let ground = Ground::new();
    let host = ground.host().await;
    let nobody = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(HostApi::bind(host.provider(), nobody, "t").await, Err(ApiError::NotLoopback(_))));
    let api = HostApi::bind(host.provider(), "127.0.0.1:0".parse().unwrap(), "the-token").await.unwrap();
    let (address, stop) = (api.local_addr(), tokio_util::sync::CancellationToken::new());
    let serving = tokio::spawn(api.run(stop.clone()));
    let client = HostClient::new(address, "the-token".to_owned()).unwrap();
    assert!(!format!("{client:?}").contains("the-token"));
    let stranger = HostClient::new(address, "another".to_owned()).unwrap();
    assert!(matches!(stranger.status(&key()).await, Err(ProviderError::Unavailable(_))));

    let cause = Cause { causation_id: "c-1".to_owned(), correlation_id: None };
    let request =
        StartRequest { deployment_id: "d-1".to_owned(), revision: "one".to_owned(), cause: Some(cause) };
    let begun = client.start(&key(), &request).await.unwrap();
    assert_eq!((begun.state, begun.git_ref.as_deref()), (DeploymentState::Starting, Some("one")));
    let serves = || async { client.status(&key()).await.unwrap().serving.is_some() };
    eventually(LIMIT, serves).await.expect("it becomes healthy");
    assert_eq!(client.status(&key()).await.unwrap(), status(&host).await);
    assert_eq!(client.status(&key()).await.unwrap().deployments[0].cause, request.cause);
    deploy(&host, "d-2", "three").await;
    assert_eq!(ground.get().await.0, 500);
    let logs = client.logs(&key(), "d-2", 10).await.unwrap();
    assert!(logs.iter().any(|line| line.contains("app.py")), "{logs:?}");
    assert_eq!(client.rollback(&key(), "d-2").await.unwrap().deployment_id, "d-1");
    assert_eq!(ground.get().await.0, 200);

    let other = ServiceKey { service: "../mail".to_owned(), environment: "local".to_owned() };
    match client.status(&other).await {
        Err(ProviderError::Unknown { what, accepted }) => {
            assert_eq!((what.as_str(), accepted.as_str()), ("the service ../mail/local", "shop/local"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.rollback(&key(), "d-1").await, Err(ProviderError::Refused(_))));
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(matches!(client.status(&key()).await, Err(ProviderError::Unavailable(_))));
    host.stop().await;
}
