//! One process in the sandbox.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::tool::ToolError;

/// What is kept of each stream of output, in bytes: its beginning.
const KEPT_OUTPUT: usize = 128 * 1024;
/// How much a process may say altogether before it is ended, in bytes.
const MAX_OUTPUT: usize = 64 * 1024 * 1024;
/// The largest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024 * 1024;
/// The folder of temporary files in memory, in bytes.
const TEMPORARY: u64 = 256 * 1024 * 1024;

/// How processes are held: the section `[tools.sandbox]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Folders that processes may read beside `/usr`, such as those of a toolchain; each is found under its own path. Default:
    /// none.
    pub readable: Vec<PathBuf>,
    /// Variables of their environment, such as `PATH`. Default: none beside `HOME`, `LANG` and a `PATH` of `/usr`.
    pub environment: std::collections::BTreeMap<String, String>,
    /// Memory that each process may have, in MiB. Default: 2,048.
    pub memory_mib: u64,
    /// How many processes there may be at once, of all jobs together. Default: 256.
    pub processes: u32,
    /// For how many seconds a job may go on. Default: 300.
    pub seconds: u64,
    /// The user that processes are where the executor is root, for whom limits do not hold. Default: 65534, nobody.
    pub user: u32,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            readable: Vec::new(),
            environment: std::collections::BTreeMap::new(),
            memory_mib: 2_048,
            processes: 256,
            seconds: 300,
            user: 65_534,
        }
    }
}

/// Runs processes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sandbox {
    config: SandboxConfig,
}

/// How a job came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// Its exit code; as shells have it, 128 and the number for a signal.
    pub(crate) exit_code: i32,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

/// What came out of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Output {
    /// Its beginning; what is no text is replaced.
    pub(crate) text: String,
    /// All of it, in bytes.
    pub(crate) bytes: usize,
}

impl Sandbox {
    /// A sandbox of these limits.
    #[must_use]
    pub const fn new(config: SandboxConfig) -> Self {
        Self { config }
    }

    /// The user that files of a job have to belong to; none: the executor's own.
    pub(crate) fn user(&self) -> Option<u32> {
        rustix::process::geteuid().is_root().then_some(self.config.user)
    }

    /// Runs a program with `work` as its `/work`. Whoever drops the future ends it.
    pub(crate) async fn run(&self, work: &Path, words: &[String]) -> Result<Done, ToolError> {
        let mut command = self.command(work, words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let unavailable =
            |error: std::io::Error| ToolError::nothing_done("sandbox_unavailable").with(error.to_string());
        let mut child = command.spawn().map_err(unavailable)?;
        let limit = Duration::from_secs(self.config.seconds);
        let ended = tokio::time::timeout(limit, attend(&mut child)).await;
        let ended = ended.unwrap_or_else(|_| {
            let told = format!("it did not end within {} s", self.config.seconds);
            Err(ToolError::nothing_done("timed_out").with(told))
        });
        if ended.is_err() {
            // The first process of its namespace: all others end with it.
            child.kill().await.map_err(unavailable)?;
        }
        let done = ended?;
        let is_ours =
            ["setpriv: ", "prlimit: ", "bwrap: "].iter().any(|who| done.stderr.text.starts_with(who));
        if done.exit_code != 0 && done.stdout.bytes == 0 && is_ours {
            return Err(ToolError::nothing_done("sandbox_unavailable").with(done.stderr.text));
        }
        Ok(done)
    }

    fn command(&self, work: &Path, words: &[String]) -> Command {
        let SandboxConfig { memory_mib, processes, seconds, readable, environment, .. } = &self.config;
        let mut command = Command::new("setpriv");
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").arg("--no-new-privs");
        if let Some(user) = self.user() {
            command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
        }
        command.args(["--", "prlimit", "--core=0", "--nofile=4096"]);
        command.arg(format!("--as={}", memory_mib.saturating_mul(1024 * 1024)));
        command.arg(format!("--nproc={processes}")).arg(format!("--fsize={MAX_FILE}"));
        command.arg(format!("--cpu={}", seconds.saturating_mul(4)));
        command.args([
            "--",
            "bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--new-session",
            "--cap-drop",
            "ALL",
        ]);
        command.args([
            "--hostname",
            "sandbox",
            "--clearenv",
            "--setenv",
            "HOME",
            "/tmp",
            "--setenv",
            "LANG",
            "C.UTF-8",
        ]);
        command.args(["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"]);
        for (name, value) in environment {
            command.args(["--setenv", name, value]);
        }
        command.args([
            "--ro-bind",
            "/usr",
            "/usr",
            "--symlink",
            "usr/bin",
            "/bin",
            "--symlink",
            "usr/sbin",
            "/sbin",
        ]);
        command.args(["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]);
        command.args(["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]);
        for folder in readable {
            command.arg("--ro-bind").arg(folder).arg(folder);
        }
        command.args([
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--size",
            &TEMPORARY.to_string(),
            "--tmpfs",
            "/tmp",
        ]);
        command
            .arg("--bind")
            .arg(work)
            .args(["/work", "--chdir", "/work", "--remount-ro", "/", "--"])
            .args(words);
        command
    }
}

/// Reads what it says until it ends.
async fn attend(child: &mut Child) -> Result<Done, ToolError> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(listen(stdout), listen(stderr))?;
    let status = child.wait().await;
    let status =
        status.map_err(|error| ToolError::nothing_done("sandbox_unavailable").with(error.to_string()))?;
    Ok(Done { exit_code: code(status), stdout, stderr })
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

async fn listen(stream: Option<impl AsyncRead + Unpin>) -> Result<Output, ToolError> {
    let Some(mut stream) = stream else { return Ok(Output::default()) };
    let (mut kept, mut bytes, mut chunk) = (Vec::new(), 0_usize, vec![0; 16 * 1024]);
    loop {
        let read = stream.read(&mut chunk).await;
        let read =
            read.map_err(|error| ToolError::nothing_done("unreadable_output").with(error.to_string()))?;
        if read == 0 {
            return Ok(Output { text: String::from_utf8_lossy(&kept).into_owned(), bytes });
        }
        bytes += read;
        let room = KEPT_OUTPUT.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&chunk[..room]);
        if bytes > MAX_OUTPUT {
            let told = format!("it said more than {MAX_OUTPUT} bytes");
            return Err(ToolError::nothing_done("too_much_output").with(told));
        }
    }
}
