//! A process of its own that a test may kill or stop: the test binary itself, started again.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use brainops_projection::PostgresConfig;

use crate::{Namespace, TestStack, eventually};

/// Names the namespace to the process.
const PREFIX: &str = "BRAINOPS_TEST_CHILD";
/// What it does, in words of the test.
const DOES: &str = "BRAINOPS_TEST_DOES";
/// How long is waited until a fault strikes.
const LIMIT: Duration = Duration::from_secs(60);

/// What a child process works with.
pub struct ChildStage {
    /// The test stack.
    pub stack: TestStack,
    /// Prefix of the namespace.
    pub prefix: String,
    /// Its database.
    pub postgres: PostgresConfig,
    /// What it is to do.
    pub does: String,
}

impl ChildStage {
    /// That of this process; none in a process that no test has started so. To be asked by a test of the name `child`, which
    /// else does nothing.
    ///
    /// # Panics
    /// When there is no test stack.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let prefix = std::env::var(PREFIX).ok()?;
        let stack = TestStack::from_env().expect("a test stack");
        let postgres = PostgresConfig { database: prefix.clone(), ..stack.postgres.clone() };
        Some(Self { stack, prefix, postgres, does: std::env::var(DOES).expect("something to do") })
    }
}

/// A process that is killed when the test ends early.
#[derive(Debug)]
pub struct ChildProcess(Child);

impl ChildProcess {
    /// Starts one, with faults and a mistake as `BRAINOPS_FAULT` and `BRAINOPS_PLANTED` say.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(namespace: &Namespace, does: &str, fault: Option<&str>, planted: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a test binary"));
        command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]);
        command.env(PREFIX, namespace.prefix()).env(DOES, does);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for (variable, value) in [("BRAINOPS_FAULT", fault), ("BRAINOPS_PLANTED", planted)] {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        Self(command.spawn().expect("a process"))
    }

    /// SIGKILL, and the end of it.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().expect("it has ended");
    }

    /// Waits until a fault has stopped it.
    ///
    /// # Panics
    /// When that takes longer than a minute.
    pub async fn until_stopped(&self) {
        let status = format!("/proc/{}/stat", self.0.id());
        let stopped = || async {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        };
        eventually(LIMIT, stopped).await.expect("the fault strikes");
    }

    /// Wakes it.
    ///
    /// # Panics
    /// When no signal can be sent.
    pub fn wake(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("a signal is sent");
    }

    /// Waits until a fault, or somebody else, has ended it.
    ///
    /// # Panics
    /// When that takes longer than a minute.
    pub async fn until_dead(&mut self) {
        let child = Arc::new(tokio::sync::Mutex::new(&mut self.0));
        let dead = || async { child.lock().await.try_wait().expect("it can be asked").is_some() };
        eventually(LIMIT, dead).await.expect("the fault strikes");
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
