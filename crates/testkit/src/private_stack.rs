//! A stack of a test's own, whose parts it may kill, stop and continue.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::eventually::eventually;
use crate::stack::TestStack;

/// How long starting or stopping may take, programs being fetched already.
const LIMIT: Duration = Duration::from_secs(180);

/// A part of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The broker.
    Kafka,
    /// The database server.
    Postgres,
    /// The schema registry.
    Registry,
}

impl Part {
    /// Its name for `scripts/stack`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Registry => "registry",
        }
    }
}

/// A whole stack in a folder of its own. End it with [`PrivateStack::reset`]; one that is dropped instead is reset as
/// well as it can be.
#[derive(Debug)]
pub struct PrivateStack {
    folder: PathBuf,
    stack: TestStack,
    is_up: bool,
}

impl PrivateStack {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start; the message has the last words of `scripts/stack`.
    pub async fn up() -> Self {
        let random = uuid::Uuid::now_v7().simple().to_string();
        Self::up_in(std::env::temp_dir().join(format!("brainops-private-{}", &random[20..]))).await
    }

    /// Starts one in this folder, which may be an empty file system of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn up_in(folder: PathBuf) -> Self {
        command(&folder, ["up"]).await;
        let config = folder.join("brainops.toml");
        let stack = TestStack::from_file(&config).unwrap_or_else(|error| panic!("{error}"));
        Self { folder, stack, is_up: true }
    }

    /// Starts what does not run, and waits until everything answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn up_again(&self) {
        command(&self.folder, ["up"]).await;
    }

    /// Stops everything in good order; the data stays.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn down(&self) {
        command(&self.folder, ["down"]).await;
    }

    /// How to reach it.
    pub fn stack(&self) -> &TestStack {
        &self.stack
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process of a part, by its pid file.
    pub fn pid(&self, part: Part) -> Option<Pid> {
        let text =
            std::fs::read_to_string(self.folder.join("run").join(format!("{}.pid", part.name()))).ok()?;
        Pid::from_raw(text.split_whitespace().next()?.parse().ok()?)
    }

    /// Sends a signal to the process of a part.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, part: Part, signal: Signal) {
        let pid = self.pid(part).unwrap_or_else(|| panic!("{} does not run", part.name()));
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", part.name()));
    }

    /// SIGKILL, or another signal that ends a part, and the end of it.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub async fn end(&self, part: Part, signal: Signal) {
        let pid = self.pid(part).unwrap_or_else(|| panic!("{} does not run", part.name()));
        self.signal(part, signal);
        let ended = eventually(Duration::from_secs(30), || async { has_ended(pid) }).await;
        ended.unwrap_or_else(|_| panic!("{} does not end", part.name()));
    }

    /// A password of the stack, such as `postgres-superuser`.
    ///
    /// # Panics
    /// When there is no such secret.
    pub fn secret(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.folder.join("secrets").join(name));
        text.unwrap_or_else(|error| panic!("no secret {name}: {error}")).trim().to_owned()
    }

    /// Stops it and removes everything of it.
    ///
    /// # Panics
    /// When something of it cannot be removed.
    pub async fn reset(mut self) {
        self.is_up = false;
        command(&self.folder, ["reset", "--yes"]).await;
        std::fs::remove_dir_all(&self.folder).ok(); // a file system of its own is its owner's to remove
    }
}

impl Drop for PrivateStack {
    fn drop(&mut self) {
        if !self.is_up {
            return;
        }
        let mut reset = std::process::Command::new(program());
        reset.args(["reset", "--yes"]).env("STACK_DIR", &self.folder).stdin(Stdio::null());
        match reset.status() {
            Ok(status) if status.success() => {
                std::fs::remove_dir_all(&self.folder).ok();
            }
            other => eprintln!("the stack in {} is left behind: {other:?}", self.folder.display()),
        }
    }
}

/// Whether nothing of a process runs any more; what only waits to be reaped has ended.
fn has_ended(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.ok().and_then(|stat| Some(stat.rsplit_once(") ")?.1.starts_with(['Z', 'X']))).unwrap_or(true)
}

/// That of the checkout whose test this is, which is where Cargo starts it: two checkouts may share what is built, so
/// the place of the one that was built first is not asked.
fn program() -> PathBuf {
    let here = std::env::current_dir().expect("the working folder is there");
    let programs = here.ancestors().map(|folder| folder.join("scripts/stack"));
    programs.into_iter().find(|program| program.is_file()).expect("tests run inside a checkout")
}

async fn command(folder: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let mut command = Command::new(program());
    command.args(arguments).env("STACK_DIR", folder).env("STACK_PROFILE", "test").stdin(Stdio::null());
    let output = tokio::time::timeout(LIMIT, command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} takes too long"));
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}
