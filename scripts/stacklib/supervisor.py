"""Keeps a stack running: starts again what died, more and more slowly, and gives up on what does not stay up.

`up` starts one in the background (in the `test` profile only if asked, since tests kill parts and say themselves when
they come back). It is a process of its own rather than a parent of the parts: they outlive it, as they outlive `up`,
and a supervisor that dies takes nothing with it.

| what it sees                              | what it does                                                        |
|-------------------------------------------|---------------------------------------------------------------------|
| a part does not run                       | starts it at once, then after 0.5, 1, 2 ... 30 s                     |
| the disk of its data is full              | waits for space, however long it takes: a start would only fail      |
| its data is gone                          | gives up: a start would make an empty one, and nobody would notice   |
| it did not stay up for a minute, 10 times | gives up, until somebody else starts it                              |
| another command holds the stack           | waits: whoever holds it knows what is meant to run                   |
| the stack folder is gone, or another one  | ends                                                                 |
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .folder import StackFolder
from .process import Launch, Process
from .service import Service
from .talk import StackError, Stopwatch, say

NAME = "supervisor"
GIVE_UP_AFTER = 10
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 60  # who has run for this long counts as well again
LEAST_FREE_BYTES = 48 * 1024 * 1024  # Postgres wants a 16 MiB segment or two to recover, Kafka some for its indexes
LOOK_EVERY_S = 0.5
REASON = re.compile(r"\b(FATAL|PANIC|ERROR|WARN|Exception|No space left)\b")
STOP_LIMIT_S = 10
WATCHING, WAITING, NO_SPACE, GIVEN_UP = "watching", "waiting", "no space", "given up"


@dataclass
class Watch:
    """What is known of one part."""

    restarts: int = 0  # in the life of the stack, until `up` starts it anew
    in_a_row: int = 0  # starts that were not followed by a steady minute
    state: str = WATCHING
    last: str = ""  # when it died last, and its last words
    pid: int | None = field(default=None, repr=False)
    since: float = field(default=0.0, repr=False)  # when that pid was first seen
    not_before: float = field(default=0.0, repr=False)  # no start before this moment


class Supervisor:
    """Looks at each part in turn. `now` counts seconds, and is a parameter so that tests need not wait."""

    def __init__(self, stack: StackFolder, services: list[Service], give_up_after: int = GIVE_UP_AFTER,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._stack = stack
        self._services = services
        self._give_up_after = give_up_after
        self._now = now
        self._identity = stack.identity()
        self.watches = {service.name: Watch(restarts=row.get("restarts", 0), last=row.get("last", ""))
                        for service in services for row in [report(stack).get(service.name, {})]}

    def run(self) -> None:
        """Until told to end, or the stack is gone."""
        _note(NAME, f"watches {', '.join(self.watches)} of {self._stack.path}")
        self._write_report()
        while self._is_our_stack():
            self.look()
            time.sleep(LOOK_EVERY_S)
        _note(NAME, "the stack is gone")

    def look(self) -> None:
        """One look at every part."""
        before = json.dumps(self._rows())
        for service in self._services:
            self._look_at(service, self.watches[service.name])
        if json.dumps(self._rows()) != before:
            self._write_report()

    def _look_at(self, service: Service, watch: Watch) -> None:
        pid = service.process.pid()
        if pid is not None:
            self._runs(watch, pid)
            return
        if watch.pid is not None:
            watch.pid = None
            why = _why(service)
            watch.last = f"{_clock()} {why}"
            _note(service.name, f"died: {why}")
        if watch.state == GIVEN_UP or self._now() < watch.not_before or not self._may_start(service, watch):
            return
        if watch.in_a_row >= self._give_up_after:
            self._give_up(service, watch, f"it was started {watch.in_a_row} times in a row and never ran for {STEADY_S} s")
            return
        if self._stack.is_busy():
            return
        with self._stack.locked():
            if service.process.pid() is None:
                self._start(service, watch)

    def _runs(self, watch: Watch, pid: int) -> None:
        if pid != watch.pid:
            watch.pid, watch.since = pid, self._now()
            if watch.state == GIVEN_UP:  # somebody else has started it
                watch.in_a_row = 0
        if self._now() - watch.since >= STEADY_S:
            watch.in_a_row = 0
        watch.state = WATCHING

    def _may_start(self, service: Service, watch: Watch) -> bool:
        """Whether a start could help."""
        needed = [other for other in self._services if other.name in service.needs]
        if not all(other.process.pid() for other in needed):
            return False
        if not service.has_data():
            self._give_up(service, watch, f"its data is gone from {service.data_folder()}")
            return False
        free = shutil.disk_usage(service.data_folder()).free
        if free < LEAST_FREE_BYTES:
            if watch.state != NO_SPACE:
                _note(service.name, f"waits for space: {free >> 20} MiB are free in {service.data_folder()}, "
                                    f"{LEAST_FREE_BYTES >> 20} are needed")
            watch.state = NO_SPACE
            return False
        return True

    def _start(self, service: Service, watch: Watch) -> None:
        stopwatch = Stopwatch()
        watch.in_a_row += 1
        watch.restarts += 1
        try:
            service.start()
            service.await_ready()
        except (StackError, OSError, subprocess.SubprocessError) as error:
            _note(service.name, f"start {watch.in_a_row} of {self._give_up_after} failed: {error}")
            watch.state = WAITING
        else:
            watch.pid, watch.since, watch.state = service.process.pid(), self._now(), WATCHING
            _note(service.name, f"is back after {stopwatch}; started again {watch.restarts} times so far")
        watch.not_before = self._now() + min(FIRST_PAUSE_S * 2 ** (watch.in_a_row - 1), LONGEST_PAUSE_S)

    def _give_up(self, service: Service, watch: Watch, why: str) -> None:
        watch.state = GIVEN_UP
        _note(service.name, f"GIVEN UP: {why}. Somebody must look at {service.process.log}, then say scripts/stack up")

    def _is_our_stack(self) -> bool:
        try:
            return self._stack.identity() == self._identity
        except OSError:
            return False

    def _rows(self) -> dict[str, dict]:
        kept = ("restarts", "in_a_row", "state", "last")
        return {name: {key: asdict(watch)[key] for key in kept} for name, watch in self.watches.items()}

    def _write_report(self) -> None:
        try:
            if self._is_our_stack():
                self._stack.write_private(f"run/{NAME}.json", json.dumps(self._rows(), indent=1) + "\n")
        except OSError as error:  # a full disk is no reason to stop looking
            _note(NAME, f"cannot write its report: {error}")


def report(stack: StackFolder) -> dict[str, dict]:
    """What a supervisor has written of each part: starts, state, last death."""
    try:
        return json.loads((stack / "run" / f"{NAME}.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def process(stack: StackFolder) -> Process:
    return stack.process(NAME)


def start(stack: StackFolder) -> None:
    """Starts one in the background, unless one of this very code runs."""
    launch = _launch(stack)
    running = process(stack)
    if running.pid() and running.started_with(launch):
        return
    stop(stack)
    running.start(launch)
    say(NAME, f"starts again what dies; its log is {running.log}")


def stop(stack: StackFolder) -> bool:
    return process(stack).stop(signal.SIGTERM, STOP_LIMIT_S)


def supervise(stack: StackFolder, services: list[Service], give_up_after: int) -> None:
    """Supervises in this very process until SIGTERM or Ctrl-C; the parts run on."""
    process(stack).claim()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))
    Supervisor(stack, services, give_up_after).run()


def _launch(stack: StackFolder) -> Launch:
    script = Path(__file__).resolve().parents[1] / "stack"
    passed_on = ("PATH", "HOME", "XDG_CACHE_HOME", "LANG", "USER")
    environment = {name: os.environ[name] for name in passed_on if name in os.environ}
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return Launch([sys.executable, str(script), "supervise"], {**environment, "STACK_DIR": str(stack.path)}, stack.path, also=code)


def _why(service: Service) -> str:
    """What is known of a death: how it ended, and the last thing in its log that sounds like a reason."""
    lines = service.process.tail(30).splitlines()
    words = next((line.strip() for line in reversed(lines) if REASON.search(line)), "its log says nothing of it")
    end = service.process.end()
    return f"{end}; {words}" if end else words


def _clock() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _note(who: str, what: str) -> None:
    try:
        say(who, f"{_clock()} {what}")
    except OSError:
        pass  # the log's disk is full: there is nobody left to tell, and what matters is to go on
