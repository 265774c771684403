//! A namespace with a gate or several, in this process or in others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use brainops_event::types::tool::CallRequested;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent as _};
use brainops_testkit::{ChildProcess, ChildStage, Namespace, Running, Stood, eventually, soon};
use brainops_tools::{GateError, GateStage, Objects, Policy, Price, ToolsConfig, run};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::probe;

/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How many calls a gate has in its hands at once.
pub const IN_FLIGHT: usize = 8;

/// Who may do what in these tests.
const POLICY: &str = r#"
@id("agents-probe")
permit(principal is Agent, action in Action::"probe", resource);

@id("never-the-forbidden-word")
forbid(principal, action == Action::"probe.once", resource)
when { context.arguments.word == "forbidden" };

@id("three-an-hour")
permit(principal is Service, action == Action::"probe.once", resource) when { context.calls_this_hour <= 3 };
"#;

pub struct Scene {
    pub namespace: Namespace,
    folder: tempfile::TempDir,
}

/// The life of an executor in a process of its own.
pub async fn live(stage: ChildStage) {
    let ChildStage { stack, prefix, postgres, does } = stage;
    let (cluster, registry) = (stack.cluster(&prefix).expect("a cluster"), stack.registry().expect("one"));
    let gate = stage_of(postgres.pool().await.expect("a pool"), cluster, registry, Path::new(&does));
    run(gate, config(Path::new(&does)), CancellationToken::new()).await.expect("no fault");
}

fn stage_of(
    pool: sqlx::PgPool,
    cluster: brainops_log::Cluster,
    registry: brainops_log::Registry,
    folder: &Path,
) -> GateStage {
    let tools = probe::toolbox(&folder.join("lines"));
    let policy = Arc::new(Policy::read(POLICY, &tools).expect("a policy"));
    let objects = Objects::folder(&folder.join("objects")).expect("a folder");
    GateStage { pool, cluster, registry, tools, policy, objects, secrets: probe::secrets() }
}

/// A file in the folder of a scene whose executors renew their leases seldom.
const CALM: &str = "calm";

fn config(folder: &Path) -> ToolsConfig {
    let lease_seconds = if folder.join(CALM).exists() { 40 } else { 2 };
    let prices = BTreeMap::from([("probe.once".to_owned(), Price { call_micros: 1_500, second_micros: 0 })]);
    ToolsConfig { lease_seconds, act_seconds: 20, in_flight: IN_FLIGHT, prices, ..ToolsConfig::default() }
}

/// A call that an agent asks for.
pub fn asked(tool: &str, id: &str, arguments: &Value) -> Outgoing {
    asked_by("brainops/agent/tester", tool, id, &arguments.to_string())
}

pub fn asked_by(source: &str, tool: &str, id: &str, arguments: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new(source).unwrap(),
        EventType::new(CallRequested::EVENT_TYPE).unwrap(),
        Subject::new(format!("tester/{}", id.rsplit('-').next().unwrap())).unwrap(),
    );
    let envelope = envelope.with_correlation_id(format!("flow/{id}")).unwrap();
    let data = CallRequested { tool: tool.to_owned(), arguments: arguments.to_owned(), reason: None };
    Outgoing::typed(envelope, &data).unwrap()
}

impl Scene {
    pub async fn new(name: &str) -> Self {
        let namespace = Namespace::new(name).await;
        brainops_saga::migrate(namespace.pool()).await.expect("the stop switch");
        brainops_tools::migrate(namespace.pool()).await.expect("the tables of the gate");
        Self { namespace, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Lets executors of other processes renew their leases every ten seconds only: what they notice before, they notice by
    /// looking at their claims.
    pub fn calm(&self) {
        std::fs::write(self.folder.path().join(CALM), "").expect("a file");
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// An executor in this process.
    pub fn gate(&self) -> Running<GateError> {
        self.gate_over(self.namespace.pool().clone())
    }

    /// The same over a way of its own to Postgres.
    pub fn gate_over(&self, pool: sqlx::PgPool) -> Running<GateError> {
        let (cluster, registry) = (self.namespace.cluster().clone(), self.namespace.registry().clone());
        let stage = stage_of(pool, cluster, registry, self.folder.path());
        let config = config(self.folder.path());
        Running::start(|shutdown| run(stage, config, shutdown))
    }

    /// An executor in a process of its own.
    pub fn process(&self, fault: Option<&str>, planted: Option<&str>) -> ChildProcess {
        let folder = self.folder.path().to_str().expect("text");
        ChildProcess::start(&self.namespace, folder, fault, planted)
    }

    pub async fn ask(&self, calls: Vec<Outgoing>) {
        for answer in soon("an answer", self.namespace.appender().append_all(calls)).await {
            answer.expect("acknowledged");
        }
    }

    /// The lines that acts have left.
    pub fn lines(&self) -> Vec<String> {
        probe::lines(&self.folder.path().join("lines"))
    }

    pub async fn stands(&self) -> Vec<Stood> {
        self.namespace.stands("tool").await
    }

    /// Waits until so many calls have ended, in the log and in the table; answers with the log.
    pub async fn until_ended(&self, calls: i64) -> Vec<Stood> {
        let sql = "SELECT count(*) FROM brainops.tool_call WHERE state NOT IN ('waiting', 'claimed')";
        let ended = || async { self.count(sql).await >= calls };
        eventually(LIMIT, ended).await.unwrap_or_else(|_| panic!("not {calls} calls have ended"));
        self.stands().await
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.namespace.pool()).await.expect(sql)
    }

    pub async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(self.namespace.pool()).await.expect(sql);
    }

    pub async fn close(self) {
        self.namespace.close().await;
    }
}
