//! A deployment's process: its own group, its own log, and gone with the host.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::manifest::ServiceSpec;

/// How long a process may take to end by itself.
const TERM_LIMIT: Duration = Duration::from_secs(5);

/// A process that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) port: u16,
}

impl Process {
    /// Starts a service in its tree.
    pub(super) fn start(spec: &ServiceSpec, tree: &Path, log: &Path) -> io::Result<Self> {
        // Free a moment ago, and the service binds it at once; one that was taken in between does not become healthy.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = command(spec, &spec.start, tree, log)?.env("PORT", port.to_string()).spawn()?;
        Ok(Self { child, port })
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends it, and what it has begun.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(TERM_LIMIT, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            if let Err(error) = self.child.wait().await {
                tracing::warn!(%error, "a process of a service cannot be waited for");
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(Err(error)) = pid.map(|pid| kill_process_group(pid, signal)) {
            tracing::debug!(%error, "a process of a service has gone by itself");
        }
    }
}

/// Builds a service in its tree; the exit code where it is not zero.
pub(super) async fn build(
    spec: &ServiceSpec,
    words: &[String],
    tree: &Path,
    log: &Path,
) -> io::Result<ExitStatus> {
    command(spec, words, tree, log)?.spawn()?.wait().await
}

fn command(spec: &ServiceSpec, words: &[String], tree: &Path, log: &Path) -> io::Result<Command> {
    let out = File::options().create(true).append(true).open(log)?;
    // A host that is killed leaves nothing behind that would hold its ports.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--no-new-privs", "--"]).args(words);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .envs(&spec.variables);
    command.current_dir(tree).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    command.process_group(0).kill_on_drop(true);
    Ok(command)
}
