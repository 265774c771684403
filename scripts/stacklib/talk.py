"""How the stack talks (to stderr), fails (one error type with a readable message) and waits (on conditions, with a limit)."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable


class StackError(Exception):
    """Something a person must know to go on; the message is all that is shown."""


def say(who: str, what: str) -> None:
    """One line of talk; data belongs on stdout, this does not."""
    sys.stderr.write(f"{who:<9} {what}\n")  # one write, so that lines of two threads do not mix
    sys.stderr.flush()


class Stopwatch:
    """Seconds since it was made, ready to be printed."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __str__(self) -> str:
        return f"{self.seconds():.1f} s"

    def seconds(self) -> float:
        return time.monotonic() - self._begun


def wait_until(condition: Callable[[], bool], limit_s: float, pause_s: float = 0.1) -> bool:
    """Asks again and again until the condition holds (True) or the limit is over (False)."""
    deadline = time.monotonic() + limit_s
    while True:
        if condition():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause_s)
