"""Background processes that outlive us, found again by pid *and* start time, so that a recycled pid is never touched.

A pid file has two lines: the pid, and field 22 of /proc/PID/stat (the start time in clock ticks since boot). The child
writes it itself before it becomes the program, so there is no moment in which a process runs that no file names.
"""
from __future__ import annotations

import hashlib
import json
import os
import pwd
import select
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .talk import StackError

LOG_KEPT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Launch:
    """What to start, and in which folder, which no other process of ours works in.

    `also` is anything else whose change asks for a restart (a config file's text).
    """

    argv: list[str]
    environment: dict[str, str]
    workplace: Path
    account: pwd.struct_passwd | None = None
    also: str = ""

    def digest(self) -> str:
        parts = [self.argv, sorted(self.environment.items()), self.also]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass
class Process:
    """One background process: its pid file, its log, and the digest of what it was started with."""

    name: str
    pid_file: Path
    log: Path | None = None
    _child: subprocess.Popen | None = field(default=None, repr=False)

    def pid(self) -> int | None:
        """The pid if it runs now, judged by the start time as well."""
        if self._child is not None:
            self._child.poll()  # reap, if it was ours and has ended
        return read_pid_file(self.pid_file)

    def end(self) -> str | None:
        """How it ended, if it was started by this very process; else nobody can know."""
        code = self._child.poll() if self._child is not None else None
        if code is None:
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def started_with(self, launch: Launch) -> bool:
        try:
            return self._digest_file().read_text() == launch.digest()
        except FileNotFoundError:
            return False

    def start(self, launch: Launch) -> None:
        """Starts it in a session of its own, output appended to the log."""
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        _write_private(self._digest_file(), launch.digest())
        _rotate(self.log)
        pid_fd = os.open(self.pid_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        log_fd = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def announce() -> None:  # runs in the child, just before the program
            os.write(pid_fd, f"{os.getpid()}\n{start_time('self')}\n".encode())

        identity = {}
        if launch.account:
            identity = {"user": launch.account.pw_uid, "group": launch.account.pw_gid, "extra_groups": []}
        try:
            self._child = subprocess.Popen(
                launch.argv, env=launch.environment, cwd=launch.workplace, stdin=subprocess.DEVNULL, stdout=log_fd, stderr=log_fd,
                start_new_session=True, preexec_fn=announce, **identity)
        finally:
            os.close(pid_fd)
            os.close(log_fd)

    def claim(self) -> None:
        """Names the calling process as the one; refused if another runs."""
        running = self.pid()
        if running not in (None, os.getpid()):
            raise StackError(f"{self.name} runs already, with pid {running}")
        _write_private(self.pid_file, f"{os.getpid()}\n{start_time('self')}\n")

    def stop(self, first: signal.Signals, limit_s: float) -> bool:
        """Asks with `first`, waits, then kills the whole group. True if it was running."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        pidfd = os.pidfd_open(pid)
        try:
            if self.pid() == pid:  # still the same one, now held by the descriptor
                signal.pidfd_send_signal(pidfd, first)
                if not _ended(pidfd, limit_s):
                    self._kill(pid, pidfd)
                    _ended(pidfd, 10)
        finally:
            os.close(pidfd)
        self.pid()
        self.pid_file.unlink(missing_ok=True)
        return True

    def _kill(self, pid: int, pidfd: int) -> None:
        try:
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:  # a shell's background job shares its group with others: only itself
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended on its own just now

    def tail(self, lines: int = 20) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def _digest_file(self) -> Path:
        return self.pid_file.with_suffix(".started-with")


def read_pid_file(path: Path) -> int | None:
    """The pid a file names, if the process that wrote it still runs."""
    try:
        pid, started = (int(word) for word in path.read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    return pid if start_time(pid) == started else None


def start_time(pid: int | str) -> int | None:
    """Field 22 of /proc/PID/stat; None if there is no such process or only its zombie is left.

    A killed process with threads looks like a zombie a little before the last thread has let go of its ports.
    """
    fields = _stat(pid)
    if not fields or (fields[0] in "ZX" and _thread_count(pid) <= 1):
        return None
    return int(fields[19])


def _thread_count(pid: int | str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _stat(pid: int | str) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on; the second may hold blanks and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def family(pid: int) -> list[int]:
    """A process and its children (Postgres has one per connection)."""
    children = [other for other in all_pids() if (fields := _stat(other)) and int(fields[1]) == pid]
    return [pid, *children]


def memory_mib(pid: int) -> int:
    """Memory of a process and its children in MiB, shared pages counted once where the kernel tells."""
    return sum(_proportional_kib(member) for member in family(pid)) // 1024


def _proportional_kib(pid: int) -> int:
    for name, label in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            text = Path(f"/proc/{pid}/{name}").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(label):
                return int(line.split()[1])
    return 0


def all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def orphans(workplace: Path, program: str) -> list[int]:
    """Processes of a part that no pid file names: they run its program (the end of its path) in its folder.

    Children of a killed Postgres are such, and what was started by an `up` whose stack folder was then deleted by hand.
    """
    places = {str(workplace), f"{workplace} (deleted)"}
    found = []
    for pid in all_pids():
        try:
            place, running = os.readlink(f"/proc/{pid}/cwd"), os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue  # not ours to look at, or gone
        if place in places and running.removesuffix(" (deleted)").endswith(program):
            found.append(pid)
    return found


def _ended(pidfd: int, limit_s: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(limit_s * 1000))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _rotate(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.1"))
