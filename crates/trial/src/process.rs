//! A worker process, held by whoever started it: signals, its log, its metrics, its memory and its time.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use brainops_testkit::eventually;
use rustix::process::{Pid, Signal, kill_process};

use crate::order::{LogTo, Order, Role, Task};

/// The unit of processor time in `/proc`, the same on every Linux that we run on.
const TICKS_PER_SECOND: u64 = 100;

/// A worker. Dropped, it is killed.
#[derive(Debug)]
pub struct Worker {
    name: String,
    child: Child,
    log: PathBuf,
    metrics: PathBuf,
    ended: Option<ExitStatus>,
    peak_kib: u64,
    may_fail: bool,
    was_asked_to_end: bool,
}

impl Worker {
    /// Starts one; its files go to this folder.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) fn start(folder: &Path, order: &Order, task: &Task) -> Self {
        let file = |kind: &str| folder.join(format!("{}.{kind}", order.name));
        let (order_file, log) = (file("order"), file("log"));
        std::fs::write(&order_file, serde_json::to_vec(task).expect("an order"))
            .expect("an order is written");
        let output = match order.log_to {
            LogTo::File => File::options().create(true).append(true).open(&log),
            LogTo::FullDisk => File::options().write(true).open("/dev/full"),
        };
        let mut command = match order.open_files {
            Some(limit) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]).arg(program());
                command
            }
            None => Command::new(program()),
        };
        let is_asked = task.role == Role::Append;
        command.arg(&order_file);
        command.stdin(if is_asked { Stdio::piped() } else { Stdio::null() });
        command.stdout(if is_asked { Stdio::piped() } else { Stdio::null() });
        command.stderr(output.expect("a log"));
        command.env_remove("BRAINOPS_FAULT").env_remove("BRAINOPS_PLANTED");
        command.env("RUST_LOG", std::env::var("TRIAL_LOG").unwrap_or_else(|_| "info".to_owned()));
        if let Some(fault) = &order.fault {
            command.env("BRAINOPS_FAULT", fault);
        }
        if let Some(bug) = order.bug {
            command.env("BRAINOPS_PLANTED", bug.name());
        }
        let child = command.spawn().expect("a worker can be started");
        let metrics = task.metrics_file.clone();
        Self {
            name: order.name.clone(),
            child,
            log,
            metrics,
            ended: None,
            peak_kib: 0,
            may_fail: false,
            was_asked_to_end: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&mut self, signal: Signal) {
        assert!(
            self.is_alive(),
            "{} has ended: {:?}; its last words:\n{}",
            self.name,
            self.ended,
            self.last_words()
        );
        self.note_memory();
        self.was_asked_to_end |= signal == Signal::TERM;
        kill_process(self.pid(), signal).expect("a signal is sent");
    }

    /// SIGTERM, unless it has ended or was asked before: twice means something else.
    pub fn ask_to_end(&mut self) {
        if !self.was_asked_to_end && self.is_alive() {
            self.signal(Signal::TERM);
        }
    }

    /// SIGKILL, and the end of it.
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.until_ended(Duration::from_secs(10)).await.expect("a killed process ends");
    }

    /// Waits until it has ended by itself; the status, or `None` after the limit.
    pub async fn until_ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = tokio::time::Instant::now() + limit;
        while self.is_alive() {
            if tokio::time::Instant::now() > deadline {
                return None;
            }
            self.note_memory();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.ended
    }

    /// Waits until it stands still, stopped by a signal.
    ///
    /// # Panics
    /// When it does not in time, or ends.
    pub async fn until_stopped(&mut self, limit: Duration) {
        let pid = self.child.id();
        let stopped =
            eventually(limit, || async move { stat(pid).is_some_and(|stat| stat.state == 'T') }).await;
        assert!(stopped.is_ok(), "{} does not stop; its last words:\n{}", self.name, self.last_words());
    }

    /// Whether it still runs, or stands.
    pub fn is_alive(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended.is_none()
    }

    /// How it has ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.ended
    }

    /// Whether it was killed, by a test or by a fault point.
    pub fn was_killed(&self) -> bool {
        self.ended.is_some_and(|status| status.signal() == Some(Signal::KILL.as_raw()))
    }

    /// Says that it may end with an error: it is what the scenario is about.
    pub fn let_fail(&mut self) {
        self.may_fail = true;
    }

    pub(crate) fn may_fail(&self) -> bool {
        self.may_fail
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// What one who appends is told by, and answers on; once.
    pub(crate) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        Some((self.child.stdin.take()?, self.child.stdout.take()?))
    }

    /// The sum of a metric over all its labels, as it last wrote them.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = std::fs::read_to_string(&self.metrics).ok()?;
        let of_name = |line: &&str| line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']);
        let values =
            text.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// The most memory that it has had so far, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.peak_kib
    }

    /// Notes the most memory that it has had; after its end nobody can ask.
    pub fn note_memory(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        self.peak_kib = self.peak_kib.max(peak.unwrap_or(0));
    }

    /// The processor time that it has used, user and system.
    pub fn processor_time(&self) -> Duration {
        let ticks = stat(self.child.id()).map_or(0, |stat| stat.ticks);
        Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_alive() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

struct Stat {
    state: char,
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat { state: fields.first()?.chars().next()?, ticks: ticks(11)? + ticks(12)? })
}

/// The worker's program: cargo builds it beside the test.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a program");
    let folder = test.parent().and_then(Path::parent).expect("a folder of builds");
    folder.join("trial-worker")
}
