//! A process of its own that runs the counting agent, to be killed: the test binary itself, started again.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use brainops_fault::Bug;
use brainops_outbox::{Outbox, OutboxConfig};
use brainops_projection::PostgresConfig;
use brainops_saga::{Cast, SagaOptions, Stage, fire_timers, run};
use brainops_testkit::{TestStack, eventually};
use tokio_util::sync::CancellationToken;

use super::scene::{LIMIT, Scene};
use super::tally::Tally;

/// How many records a batch of the process has; few, so that there is much to be killed in the middle of.
const BATCH: &str = "SAGA_BATCH";

/// Names the namespace to the process.
const PREFIX: &str = "BRAINOPS_TEST_CHILD";

/// The life of that process; to be called by a test of the name `child`, which else does nothing.
pub async fn live() {
    let Ok(prefix) = std::env::var(PREFIX) else { return };
    let stack = TestStack::from_env().expect("a test stack");
    let postgres = PostgresConfig { database: prefix.clone(), ..stack.postgres.clone() };
    let (cluster, registry) = (stack.cluster(&prefix).expect("a cluster"), stack.registry().expect("one"));
    let pool = postgres.pool().await.expect("a pool");
    let config = OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() };
    let outbox = Outbox::open(&pool, &cluster, &registry, config).await.expect("the outbox opens");
    let (firing, shutdown) =
        (fire_timers(pool.clone(), outbox.clone(), CancellationToken::new()), CancellationToken::new());
    let cast = Cast::of(Tally::default()).expect("an agent");
    let batch = std::env::var(BATCH).ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let options = SagaOptions { max_records: batch, ..SagaOptions::default() };
    let running = run(cast, Stage { pool, cluster, registry, outbox }, options, shutdown);
    let (ran, fired) = tokio::join!(running, firing);
    ran.expect("no fault");
    fired.expect("no fault");
}

/// A process that is killed when the test ends early.
pub struct Process(Child);

impl Process {
    /// Starts one, with faults and a mistake as `BRAINOPS_FAULT` and `BRAINOPS_PLANTED` say.
    pub fn start(scene: &Scene, fault: Option<&str>, bug: Option<Bug>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a test binary"));
        command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]);
        command.env(PREFIX, scene.namespace.prefix()).stdin(Stdio::null()).stdout(Stdio::null());
        command.env_remove("BRAINOPS_FAULT").env_remove("BRAINOPS_PLANTED").stderr(Stdio::null());
        if let Some(fault) = fault {
            command.env("BRAINOPS_FAULT", fault);
        }
        if let Some(bug) = bug {
            command.env("BRAINOPS_PLANTED", bug.name());
        }
        Self(command.spawn().expect("a process"))
    }

    /// SIGKILL, and the end of it.
    pub fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().expect("it has ended");
    }

    /// Kills it and starts another in its place.
    pub fn restart(&mut self, scene: &Scene) {
        *self = Self::start(scene, None, None);
    }

    /// Waits until a fault has stopped it.
    pub async fn until_stopped(&self) {
        let status = format!("/proc/{}/stat", self.0.id());
        let stopped = || async {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        };
        eventually(LIMIT, stopped).await.expect("the fault strikes");
    }

    /// Wakes it.
    pub fn wake(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("a signal is sent");
    }

    /// Waits until a fault has ended it.
    pub async fn until_dead(&mut self) {
        let child = Arc::new(tokio::sync::Mutex::new(&mut self.0));
        let dead = || async { child.lock().await.try_wait().expect("it can be asked").is_some() };
        eventually(LIMIT, dead).await.expect("the fault strikes");
    }
}

/// Whether a test of this binary fails with a mistake planted.
pub fn turns_red(test: &str, bug: Bug) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("a test binary"));
    command.args(["--exact", test]).env("BRAINOPS_PLANTED", bug.name());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    !command.status().expect("a process").success()
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
