//! A process of its own that follows tasks or works on them, to be killed: the test binary itself, started again.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use brainops_fault::Bug;
use brainops_outbox::{Outbox, OutboxConfig};
use brainops_projection::PostgresConfig;
use brainops_task::{FollowOptions, FollowStage, TaskOptions, Tasks, follow};
use brainops_testkit::{TestStack, eventually};
use tokio_util::sync::CancellationToken;

use super::scene::{LIMIT, Scene, kind, lease, outcome, worker};

/// Names the namespace to the process.
const PREFIX: &str = "BRAINOPS_TEST_CHILD";
/// What it does: `follow`, or `work <name> <lease in ms>`.
const DOES: &str = "BRAINOPS_TEST_DOES";

/// The life of that process; to be called by a test of the name `child`, which else does nothing.
pub async fn live() {
    let Ok(prefix) = std::env::var(PREFIX) else { return };
    let stack = TestStack::from_env().expect("a test stack");
    let postgres = PostgresConfig { database: prefix.clone(), ..stack.postgres.clone() };
    let (cluster, registry) = (stack.cluster(&prefix).expect("a cluster"), stack.registry().expect("one"));
    let pool = postgres.pool().await.expect("a pool");
    let does = std::env::var(DOES).expect("something to do");
    let words: Vec<&str> = does.split(' ').collect();
    let [_, name, millis] = words[..] else {
        let options = FollowOptions { max_records: 7, ..FollowOptions::default() };
        let stage = FollowStage { pool, cluster, registry };
        return follow(stage, options, CancellationToken::new()).await.expect("no fault");
    };
    let config = OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() };
    let outbox = Outbox::open(&pool, &cluster, &registry, config).await.expect("the outbox opens");
    let tasks = Tasks::new(pool.clone(), outbox, TaskOptions::default());
    let lease = lease(millis.parse().expect("milliseconds"));
    loop {
        match tasks.claim(&[kind("work")], &worker(name), lease).await.expect("an answer") {
            Some(claimed) => {
                let is_taken = loop {
                    match tasks.complete(&claimed.claim, &outcome(name)).await {
                        Ok(_) => break true,
                        // Says nothing about the claim; who asks is killed if it lasts.
                        Err(error) if error.is_transient() => {
                            tokio::time::sleep(Duration::from_millis(50)).await
                        }
                        Err(_) => break false,
                    }
                };
                // Where a test has made a table for it, it is noted who has tried.
                let tried = sqlx::query("INSERT INTO tried (worker, is_taken) VALUES ($1, $2)");
                drop(tried.bind(name).bind(is_taken).execute(&pool).await);
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A process that is killed when the test ends early.
pub struct Process(Child);

impl Process {
    /// Starts one, with faults and a mistake as `BRAINOPS_FAULT` and `BRAINOPS_PLANTED` say.
    pub fn start(scene: &Scene, does: &str, fault: Option<&str>, bug: Option<Bug>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a test binary"));
        command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]);
        command.env(PREFIX, scene.namespace.prefix()).env(DOES, does);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env_remove("BRAINOPS_FAULT").env_remove("BRAINOPS_PLANTED");
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

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
