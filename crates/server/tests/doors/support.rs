//! The doors in front of a real log, real read models and a real key store, in a namespace of their own.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use brainops_keys::FileKeyStore;
use brainops_log::{Item, end_frontier, read, start_frontier};
use brainops_outbox::{Outbox, OutboxConfig, Relay};
use brainops_projection::{ListedMoment, ReadModel, RunOptions, install, migrate, run};
use brainops_projector_deployments::Deployments;
use brainops_projector_events::Events;
use brainops_projector_leads::Leads;
use brainops_projector_operations::Operations;
use brainops_server::{
    AskedMoment, MomentRefusal, Moments, Secret, Secrets, Server, ServerConfig, ServerParts,
};
use brainops_task::{TaskOptions, Tasks};
use brainops_testkit::{Namespace, eventually};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub const TOKEN: &str = "token-of-the-operator";
pub const GITHUB_SECRET: &str = "It's a Secret to Everybody";
/// The longest that an event may take from the door to the rows.
pub const CATCH_UP_LIMIT: Duration = Duration::from_secs(60);

/// An open house: doors that answer and read models that follow.
pub struct House {
    pub namespace: Namespace,
    pub url: String,
    http: reqwest::Client,
    state: TempDir,
    config: OutboxConfig,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
    /// One that has an outbox of its own, as if it ran in another process than the doors.
    relay: Option<(CancellationToken, JoinHandle<()>)>,
}

impl House {
    /// With read models that follow the log.
    pub async fn open(name: &str) -> Self {
        let mut house = Self::still(name).await;
        house.follow(Leads).await;
        house.follow(Deployments).await;
        house.follow(Operations).await;
        house.follow(Events).await;
        house
    }

    /// Without any read model.
    pub async fn still(name: &str) -> Self {
        Self::still_with(name, OutboxConfig::default()).await
    }

    /// Without any read model, with an outbox as configured.
    pub async fn still_with(name: &str, config: OutboxConfig) -> Self {
        let namespace = Namespace::new(name).await;
        let state = tempfile::tempdir().unwrap();
        let shutdown = CancellationToken::new();
        migrate(namespace.pool()).await.unwrap();
        brainops_outbox::migrate(namespace.pool()).await.unwrap();
        let (http, tasks) = (reqwest::Client::new(), JoinSet::new());
        let url = String::new();
        let mut house = Self { namespace, url, http, state, config, shutdown, tasks, relay: None };
        house.url = house.open_doors().await;
        house.start_relay().await;
        house
    }

    /// Opens doors, with an outbox of their own, as if in a process of their own; gives their address.
    pub async fn open_doors(&mut self) -> String {
        let outbox = outbox(&self.namespace, &self.config).await;
        let server = doors(&self.namespace, self.state.path(), outbox).await;
        let url = format!("http://{}", server.local_addr());
        let stop = self.shutdown.clone();
        self.tasks.spawn(async move { server.run(stop).await.unwrap() });
        url
    }

    /// Starts to send, and waits until events are taken.
    pub async fn start_relay(&mut self) {
        let outbox = outbox(&self.namespace, &self.config).await;
        let (stop, relay) = (CancellationToken::new(), Relay::new(&outbox, "test".to_owned()));
        let until = stop.clone();
        self.relay = Some((stop, tokio::spawn(async move { relay.run(until).await.unwrap() })));
        outbox.opened(CATCH_UP_LIMIT).await.unwrap();
    }

    /// Sends no more.
    pub async fn stop_relay(&mut self) {
        if let Some((stop, relay)) = self.relay.take() {
            stop.cancel();
            relay.await.unwrap();
        }
    }

    async fn follow<Model: ReadModel>(&mut self, model: Model) {
        install(self.namespace.pool(), &model).await.unwrap();
        let (pool, cluster) = (self.namespace.pool().clone(), self.namespace.cluster().clone());
        let (registry, shutdown) = (self.namespace.registry().clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            run(Arc::new(model), pool, cluster, registry, RunOptions::new("test"), shutdown).await.unwrap();
        });
    }

    /// Asks whether all is ready, without a token.
    pub async fn readiness(&self) -> (u16, Value) {
        let response = self.http.get(format!("{}/readyz", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Ends everything, in order.
    pub async fn close(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.stop_relay().await;
        self.namespace.close().await;
        drop(self.state);
    }

    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "GET {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    pub fn post(&self, path: &str, content_type: &str, body: String) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).header("content-type", content_type).body(body)
    }

    /// Posts with the operator's token, and expects that the log took everything.
    pub async fn appended(&self, path: &str, content_type: &str, body: &Value) -> Value {
        let request = self.post(path, content_type, body.to_string()).bearer_auth(TOKEN);
        accepted(request).await
    }

    /// Waits until an answer is as it should be; gives that answer.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let waited = eventually(CATCH_UP_LIMIT, || async { wanted(&self.get(path).await) }).await;
        let answer = self.get(path).await;
        waited.unwrap_or_else(|error| panic!("{path}: {error}: {answer}"));
        answer
    }

    /// Every event that the topic holds, as text; repeats are left out.
    pub async fn topic_text(&self, topic: &str) -> String {
        let (cluster, topics) = (self.namespace.cluster(), [self.namespace.topic(topic)]);
        let from = start_frontier(cluster, &topics).await.unwrap();
        let to = end_frontier(cluster, &topics).await.unwrap();
        let mut reading = read(cluster, self.namespace.registry(), &from, &to).await.unwrap();
        let mut text = String::new();
        while let Some(batch) = reading.next().await {
            for item in batch.unwrap().items() {
                let event = match item {
                    Item::Event(event) => event,
                    Item::Duplicate { .. } => continue,
                    other => panic!("not an event: {other:?}"),
                };
                let datum = match &event.body {
                    brainops_event::Body::Avro { datum, .. } => String::from_utf8_lossy(datum).into_owned(),
                    other => format!("{other:?}"),
                };
                text.push_str(&format!("{:?} {datum}\n", event.envelope));
            }
        }
        text
    }

    /// Every row of every table of ours, as text.
    pub async fn tables_text(&self) -> String {
        let tables = "SELECT schemaname || '.' || tablename FROM pg_tables \
                      WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
        let pool = self.namespace.pool();
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(pool).await.unwrap();
        let mut text = String::new();
        for table in tables {
            let rows = AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM {table} AS t"));
            let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(pool).await.unwrap();
            text.push_str(&rows.join("\n"));
        }
        text
    }
}

/// Sends, and expects 202.
pub async fn accepted(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    assert_eq!(status, 202, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The outbox of a namespace.
async fn outbox(namespace: &Namespace, config: &OutboxConfig) -> Outbox {
    let (pool, cluster, registry) = (namespace.pool(), namespace.cluster(), namespace.registry());
    Outbox::open(pool, cluster, registry, config.clone()).await.unwrap()
}

/// Nobody folds history here; how the program does is tested where it is put together.
struct NoHistory;

#[async_trait::async_trait]
impl Moments for NoHistory {
    async fn ask(&self, _: AskedMoment) -> Result<ListedMoment, MomentRefusal> {
        Err(MomentRefusal::Unavailable)
    }
}

/// Doors that append through `outbox`.
async fn doors(namespace: &Namespace, state: &Path, outbox: Outbox) -> Server {
    let keys = Arc::new(FileKeyStore::open(state.join("keys")).unwrap());
    let secret = |text: &str| Secret::new(text.to_owned()).unwrap();
    let parts = ServerParts {
        pool: namespace.pool().clone(),
        agents: Arc::new((namespace.pool().clone(), outbox.clone())),
        tasks: Arc::new(Tasks::new(namespace.pool().clone(), outbox.clone(), TaskOptions::default())),
        appender: Arc::new(outbox),
        moments: Arc::new(NoHistory),
        keys: keys.clone(),
        sealer: keys,
        secrets: Secrets { operator_token: secret(TOKEN), github_webhook: secret(GITHUB_SECRET) },
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        probes: Vec::new(),
    };
    let config = ServerConfig { listen: "127.0.0.1:0".parse().unwrap(), ..ServerConfig::default() };
    Server::bind(config, parts).await.unwrap()
}
