//! Where an executor can be found, and how it is ended by who takes its calls over.
//!
//! A process that is stopped, or starved, between its last look at its claim and its act, would act when it goes on. Nothing in
//! that process can prevent it. So whoever takes over first ends the process, where it can be seen: a killed process does not
//! act, stopped or not. Its children end with it, each being told so by the kernel when it was started.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a killed process may take to be gone: as long as the kernel needs to take its memory.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// A process, such that no other one can be taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Where {
    pub(crate) host: String,
    /// Of the kernel's life.
    pub(crate) boot: String,
    pub(crate) pid_namespace: String,
    pub(crate) pid: i32,
    /// When it began, in the kernel's ticks since boot: a pid is given again, with another one of these.
    pub(crate) start_ticks: i64,
}

/// What can be said of a process that has ended for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is no more.
    Gone,
    /// It may be: it cannot be seen from here.
    OutOfSight,
}

impl Where {
    /// This process.
    pub(crate) fn here() -> io::Result<Self> {
        let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        Ok(Self {
            host: fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_owned(),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            pid_namespace: fs::read_link("/proc/self/ns/pid")?.to_string_lossy().into_owned(),
            start_ticks: start_ticks(pid)?,
            pid,
        })
    }

    /// Sees to it that it is no more, where it can be seen from `here`. Blocks until it is.
    ///
    /// # Errors
    /// It can be seen, and does not end.
    pub(crate) fn end(&self, here: &Self) -> io::Result<Fate> {
        if self.host == here.host && self.boot != here.boot {
            return Ok(Fate::Gone); // the machine was started anew since
        }
        if self.boot != here.boot || self.pid_namespace != here.pid_namespace {
            return Ok(Fate::OutOfSight);
        }
        if self == here {
            return Ok(Fate::Gone); // an earlier life of this very process, which has ended before this one began
        }
        self.kill()
    }

    fn kill(&self) -> io::Result<Fate> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(Fate::Gone) };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(Fate::Gone),
            opened => opened?,
        };
        // Held by its descriptor, it cannot become another one: what is read now is said of it.
        match start_ticks(self.pid) {
            Ok(ticks) if ticks == self.start_ticks => {}
            Ok(_) => return Ok(Fate::Gone),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Fate::Gone),
            Err(error) => return Err(error),
        }
        tracing::warn!(
            process.pid = self.pid,
            "a process has let the lease of its tools run out and is ended"
        );
        match pidfd_send_signal(&process, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        let limit = Timespec { tv_sec: GONE_LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))? {
            0 => Err(io::Error::new(io::ErrorKind::TimedOut, "a killed process is still there")),
            _ => Ok(Fate::Gone),
        }
    }
}

/// The 22nd field of its `stat`, as proc(5) numbers them; the second, in parentheses, may hold anything.
fn start_ticks(pid: i32) -> io::Result<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit_once(')').map(|(_, after)| after);
    let ticks =
        after.and_then(|after| after.split_ascii_whitespace().nth(19)).and_then(|ticks| ticks.parse().ok());
    ticks.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no start time in /proc"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sleeping() -> (std::process::Child, Where) {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        (child, Where { pid, start_ticks: start_ticks(pid).unwrap(), ..Where::here().unwrap() })
    }

    #[test]
    fn a_stopped_process_is_ended_and_one_that_is_no_more_is_gone() {
        let (mut child, found) = sleeping();
        rustix::process::kill_process(Pid::from_raw(found.pid).unwrap(), Signal::STOP).unwrap();
        let here = Where::here().unwrap();
        assert_eq!(found.end(&here).unwrap(), Fate::Gone);
        assert!(!child.wait().unwrap().success());
        assert_eq!(found.end(&here).unwrap(), Fate::Gone);
    }

    #[test]
    fn another_process_of_its_number_is_left_alone() {
        let (mut child, found) = sleeping();
        let here = Where::here().unwrap();
        let before = Where { start_ticks: found.start_ticks - 1, ..found.clone() };
        assert_eq!(before.end(&here).unwrap(), Fate::Gone);
        assert_eq!(child.try_wait().unwrap(), None, "it still runs");
        let elsewhere = Where { boot: "other".to_owned(), host: "other".to_owned(), ..found.clone() };
        assert_eq!(elsewhere.end(&here).unwrap(), Fate::OutOfSight);
        let rebooted = Where { boot: "other".to_owned(), ..found.clone() };
        assert_eq!(rebooted.end(&here).unwrap(), Fate::Gone);
        assert_eq!(found.end(&here).unwrap(), Fate::Gone);
        child.wait().unwrap();
    }
}
