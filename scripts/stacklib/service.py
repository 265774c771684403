"""What Kafka, the registry and Postgres have in common: start if needed, wait until it answers, stop."""
from __future__ import annotations

import signal
import time

from .folder import StackFolder
from .process import Launch
from .talk import StackError, Stopwatch, say

class Service:
    """One part of the stack. A subclass says how to launch it, when it is ready and what to set up in it."""

    name: str
    port_name: str
    ready_limit_s: float
    stop_signal: signal.Signals
    stop_limit_s: float

    def __init__(self, stack: StackFolder, ports: dict[str, int]) -> None:
        self.stack = stack
        self.ports = ports
        self.process = stack.process(self.name)
        self._watch = Stopwatch()
        self._was_running = False

    def launch(self) -> Launch:
        raise NotImplementedError

    def prepare(self) -> None:
        """Before each start: files, data folders."""

    def is_ready(self) -> bool:
        raise NotImplementedError

    def set_up(self) -> None:
        """After each `up`, when it answers; must change nothing when all is as it should be."""

    def clean_up(self) -> None:
        """After it has ended, whatever the reason: nothing of it may be left."""

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
        self.clean_up()
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
            if self.process.pid() is None and not self.try_again():
                raise self._failure("ended instead of starting")
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {self.ready_limit_s} s")
            time.sleep(0.1)

    def try_again(self) -> bool:
        """Whether an end during the start was of the kind that passes; if so it has been started again."""
        return False

    def stop(self) -> bool:
        """Stops it; True if it was running."""
        was_running = self.process.stop(self.stop_signal, self.stop_limit_s)
        self.clean_up()
        return was_running

    def _failure(self, what: str) -> StackError:
        return StackError(f"{self.name} {what}; the end of {self.process.log}:\n{self.process.tail()}")
