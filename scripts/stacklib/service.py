"""What Kafka, the registry and Postgres have in common: start if needed, wait until it answers, stop."""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .folder import StackFolder
from .parts import JAVA
from .process import Launch, orphans
from .talk import StackError, Stopwatch, say, wait_until

ORPHANS_LIMIT_S = 10


class Service:
    """One part of the stack. A subclass says how to launch it, when it is ready and what to set up in it."""

    name: str
    port_name: str
    program = JAVA
    ready_limit_s: float
    stop_signal: signal.Signals
    stop_limit_s: float
    orphans_end_alone = False
    needs: tuple[str, ...] = ()  # the parts without which it cannot start

    def __init__(self, stack: StackFolder, ports: dict[str, int]) -> None:
        self.stack = stack
        self.ports = ports
        self.process = stack.process(self.name)
        self.workplace: Path = stack / self.name
        self._watch = Stopwatch()
        self._was_running = False

    def launch(self) -> Launch:
        raise NotImplementedError

    def prepare(self) -> None:
        """Before each start: files, data folders."""

    def data_folder(self) -> Path:
        """Where its data lies, and so which disk must have space."""
        return self.workplace

    def has_data(self) -> bool:
        """Whether its data is there. Without, `prepare` makes an empty one, which only `up` may."""
        return self.data_folder().exists()

    def is_ready(self) -> bool:
        raise NotImplementedError

    def set_up(self) -> None:
        """After each `up`, when it answers; must change nothing when all is as it should be."""

    def start(self) -> None:
        """Starts it unless it runs with exactly these settings."""
        self._watch = Stopwatch()
        launch = self.launch()
        if self.process.pid():
            if self.process.started_with(launch):
                self._was_running = True
                return
            say(self.name, "its settings have changed, restarting")
            self.stop()
        self.end_orphans()
        self.prepare()
        self.process.start(launch)

    def await_ready(self) -> None:
        """Waits until it answers, then sets it up; if it does not, stops it and shows the end of its log."""
        try:
            self._await_answer()
            self.set_up()
        except StackError:
            if not self._was_running:
                self.stop()
            raise
        how = "was running" if self._was_running else f"up in {self._watch}"
        say(self.name, f"{how}, on 127.0.0.1:{self.ports[self.port_name]}")

    def _await_answer(self) -> None:
        deadline = time.monotonic() + self.ready_limit_s
        while not self.is_ready():
            if self.process.pid() is None:
                if not self._was_running:
                    raise self._failure("ended instead of starting")
                self._was_running = False
                self.start()  # it was being killed when we looked
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {self.ready_limit_s} s")
            time.sleep(0.1)

    def stop(self) -> bool:
        """Stops it; True if it was running."""
        was_running = self.process.stop(self.stop_signal, self.stop_limit_s)
        self.end_orphans()
        return was_running

    def end_orphans(self) -> None:
        """Makes sure that nothing of it is left: waits for what ends by itself, then kills what does not."""
        if wait_until(lambda: not self._orphans(), ORPHANS_LIMIT_S if self.orphans_end_alone else 0):
            return
        say(self.name, f"ending what an earlier run has left: {self._orphans()}")
        for pid in self._orphans():
            os.kill(pid, signal.SIGKILL)
        if not wait_until(lambda: not self._orphans(), ORPHANS_LIMIT_S):
            raise StackError(f"processes of an earlier {self.name} do not end: {self._orphans()}")

    def _orphans(self) -> list[int]:
        return orphans(self.workplace, self.program)

    def _failure(self, what: str) -> StackError:
        return StackError(f"{self.name} {what}; the end of {self.process.log}:\n{self.process.tail()}")
