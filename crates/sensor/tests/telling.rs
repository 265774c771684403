//! Sensors on the real log: two of them look at the same services, one begins again, and everything is told once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use brainops_deploy::{
    Cause, Deployed, DeploymentState, Fleet, Provider, ProviderError, RolledBack, ServiceKey, ServiceStatus,
    StartRequest,
};
use brainops_outbox::{Outbox, OutboxConfig, Relay};
use brainops_sensor::{
    AccessLogConfig, ProbeConfig, PrometheusConfig, Rule, SensorError, SensorStage, SensorsConfig, run,
};
use brainops_testkit::{Namespace, Running, Stood, eventually};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// A provider that says what the test lets it say.
struct Scripted(Mutex<ServiceStatus>);

#[async_trait]
impl Provider for Scripted {
    async fn status(&self, _: &ServiceKey) -> Result<ServiceStatus, ProviderError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn start(&self, _: &ServiceKey, _: &StartRequest) -> Result<Deployed, ProviderError> {
        Err(ProviderError::Refused("sensors start nothing".to_owned()))
    }

    async fn rollback(&self, _: &ServiceKey, _: &str) -> Result<Deployed, ProviderError> {
        Err(ProviderError::Refused("sensors take nothing back".to_owned()))
    }

    async fn logs(&self, _: &ServiceKey, _: &str, _: usize) -> Result<Vec<String>, ProviderError> {
        Err(ProviderError::Refused("sensors read no logs".to_owned()))
    }
}

fn key() -> ServiceKey {
    ServiceKey { service: "shop".to_owned(), environment: "eu".to_owned() }
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn deployed(id: &str, state: DeploymentState, since: i64) -> Deployed {
    let cause = Cause { causation_id: format!("call-{id}"), correlation_id: Some(format!("flow-{id}")) };
    Deployed {
        deployment_id: id.to_owned(),
        sha: "a".repeat(40),
        git_ref: Some("v1".to_owned()),
        state,
        since: moment(since),
        started_at: moment(since - 5),
        healthy_at: (state == DeploymentState::Healthy).then(|| moment(since)),
        rolled_back: None,
        reason: (state == DeploymentState::Failed).then(|| "health_check".to_owned()),
        cause: Some(cause),
    }
}

/// A Prometheus that knows two figures, and a service that is not well.
async fn answering() -> String {
    let count = |Query(asked): Query<Vec<(String, String)>>| async move {
        let query =
            asked.iter().find(|(name, _)| name == "query").map(|(_, text)| text.clone()).unwrap_or_default();
        let value = if query == "errors[1s]" { "2.2" } else { "40" };
        axum::Json(
            json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, value]}]}}),
        )
    };
    let sick = || async { StatusCode::INTERNAL_SERVER_ERROR };
    let app = Router::new().route("/api/v1/query", get(count)).route("/sick", get(sick));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn config(url: &str, log: &Path) -> SensorsConfig {
    let (service, environment) = ("shop".to_owned(), "eu".to_owned());
    let rule = Some(Rule { max_error_percent: 3.0, window_seconds: 30, minimum_requests: 7 });
    SensorsConfig {
        every_seconds: 1,
        http_probe: vec![ProbeConfig {
            service: service.clone(),
            environment: environment.clone(),
            url: format!("{url}/sick"),
            rule: None,
        }],
        prometheus: vec![PrometheusConfig {
            service: service.clone(),
            environment: environment.clone(),
            url: url.to_owned(),
            requests: "requests[$span]".to_owned(),
            errors: "errors[$span]".to_owned(),
            rule: None,
        }],
        access_log: vec![AccessLogConfig { service, environment, path: log.to_owned(), rule }],
        ..SensorsConfig::default()
    }
}

fn append(log: &Path, status: u16) {
    let line = json!({"at": Utc::now().to_rfc3339(), "deployment_id": "d-1", "status": status, "ms": 1});
    let mut file = std::fs::File::options().create(true).append(true).open(log).unwrap();
    writeln!(file, "{line}").unwrap();
}

fn of_sensor<'a>(stood: &'a [Stood], sensor: &str) -> Vec<&'a Value> {
    let samples = stood.iter().filter(|one| one.event_type == "monitor.sample.recorded").map(|one| &one.data);
    samples.filter(|data| data["sensor"] == json!(sensor)).collect()
}

async fn start(namespace: &Namespace, fleet: &Fleet, config: &SensorsConfig) -> Running<SensorError> {
    let opened =
        Outbox::open(namespace.pool(), namespace.cluster(), namespace.registry(), OutboxConfig::default())
            .await;
    let stage = SensorStage { outbox: opened.expect("it opens"), fleet: fleet.clone() };
    let config = config.clone();
    Running::start(|shutdown| run(stage, config, shutdown))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_sensors_see_is_told_once_and_with_its_cause() {
    rustls::crypto::ring::default_provider().install_default().ok(); // the first test does
    let namespace = Namespace::new("sensors").await;
    brainops_outbox::migrate(namespace.pool()).await.unwrap();
    let outbox =
        Outbox::open(namespace.pool(), namespace.cluster(), namespace.registry(), OutboxConfig::default())
            .await;
    let relay = Relay::new(&outbox.unwrap(), "relay".to_owned());
    let relay = Running::start(|shutdown| relay.run(shutdown));
    let (folder, url) = (tempfile::tempdir().unwrap(), answering().await);
    let log = folder.path().join("access.log");
    let (url_of_service, serving) = ("http://127.0.0.1:1".to_owned(), Some("d-1".to_owned()));
    let deployments =
        vec![deployed("d-2", DeploymentState::Failed, 100), deployed("d-1", DeploymentState::Healthy, 50)];
    let status = ServiceStatus { key: key(), url: url_of_service, serving, deployments };
    let provider = Arc::new(Scripted(Mutex::new(status)));
    let fleet = Fleet::new([(key(), Arc::clone(&provider) as Arc<dyn Provider>)]);
    let config = config(&url, &log);

    let first = start(&namespace, &fleet, &config).await;
    let second = start(&namespace, &fleet, &config).await;
    let told = async |wanted: usize| {
        eventually(LIMIT, || async { namespace.stands("deployment").await.len() >= wanted })
            .await
            .expect("deployments are told");
        namespace.stands("deployment").await
    };
    let stood = told(4).await;
    let types: Vec<&str> = stood.iter().map(|one| one.event_type.as_str()).collect();
    assert_eq!(
        types,
        ["deployment.started", "deployment.succeeded", "deployment.started", "deployment.failed"],
        "in order, each once"
    );
    assert_eq!(stood[0].causation_id.as_deref(), Some("call-d-1"));
    assert_eq!(stood[1].causation_id.as_deref(), Some(stood[0].id.as_str()));
    assert_eq!(stood[3].correlation_id.as_deref(), Some("flow-d-2"));
    assert_eq!(stood[3].data["reason_code"], json!("health_check"));

    // It is rolled back, and one of the two begins again meanwhile.
    first.stop().await;
    let restored = RolledBack { at: moment(200), restored: "d-0".to_owned(), restored_sha: "b".repeat(40) };
    provider.0.lock().unwrap().deployments[1].rolled_back = Some(restored);
    let first = start(&namespace, &fleet, &config).await;
    let stood = told(5).await;
    assert_eq!(stood[4].event_type, "deployment.rolled_back");
    assert_eq!(stood[4].data["restored_sha"], json!("b".repeat(40)));

    (0..10).for_each(|number| append(&log, if number < 3 { 503 } else { 200 }));
    let all_there = || async {
        let stood = namespace.stands("monitor").await;
        let counted: i64 =
            of_sensor(&stood, "access_log").iter().filter_map(|data| data["requests"].as_i64()).sum();
        counted >= 10
            && !of_sensor(&stood, "http_probe").is_empty()
            && !of_sensor(&stood, "prometheus").is_empty()
    };
    eventually(LIMIT, all_there).await.expect("samples are told");
    first.stop().await;
    second.stop().await;
    let stood = namespace.stands("monitor").await;
    let (probed, asked) = (of_sensor(&stood, "http_probe"), of_sensor(&stood, "prometheus"));
    assert!(probed.iter().all(|data| (&data["requests"], &data["errors"]) == (&json!(1), &json!(1))));
    assert!(asked.iter().all(|data| (&data["requests"], &data["errors"]) == (&json!(40), &json!(2))));
    assert_eq!(asked[0]["minimum_requests"], json!(20), "the rule of all sensors");
    let read = of_sensor(&stood, "access_log");
    let sum = |field: &str| read.iter().filter_map(|data| data[field].as_i64()).sum::<i64>();
    assert_eq!((sum("requests"), sum("errors")), (10, 3), "each request is counted once");
    assert_eq!((&read[0]["max_error_percent"], &read[0]["deployment_id"]), (&json!(3.0), &json!("d-1")));
    let flows: BTreeSet<Option<&str>> = stood
        .iter()
        .filter(|one| one.data["sensor"] == json!("access_log"))
        .map(|one| one.correlation_id.as_deref())
        .collect();
    assert_eq!(flows, BTreeSet::from([Some("flow-d-1")]), "what a deployment answers is its effect");
    relay.stop().await;
    namespace.close().await;
}

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    let good = SensorsConfig::default();
    assert_eq!(good.check(), Ok(()));
    let probe = |url: &str| ProbeConfig {
        service: "shop".to_owned(),
        environment: "eu".to_owned(),
        url: url.to_owned(),
        rule: Some(Rule { minimum_requests: 0, ..Rule::default() }),
    };
    for (config, field) in [
        (SensorsConfig { every_seconds: 0, ..good.clone() }, "sensors.every_seconds"),
        (
            SensorsConfig { rule: Rule { max_error_percent: 101.0, ..Rule::default() }, ..good.clone() },
            "sensors.rule.max_error_percent",
        ),
        (
            SensorsConfig { rule: Rule { window_seconds: 0, ..Rule::default() }, ..good.clone() },
            "sensors.rule.window_seconds",
        ),
        (
            SensorsConfig { http_probe: vec![probe("http://127.0.0.1")], ..good.clone() },
            "sensors.http_probe.rule.minimum_requests",
        ),
        (
            SensorsConfig {
                http_probe: vec![ProbeConfig { rule: None, ..probe("shop/healthz") }],
                ..good.clone()
            },
            "sensors.http_probe.url",
        ),
    ] {
        let error = config.check().expect_err(field).to_string();
        assert!(error.starts_with(field), "{error}");
    }
}
