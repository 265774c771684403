"""Real requests to a service, one after the other, and how each was answered."""
from __future__ import annotations

import http.client
import itertools
import threading
import time
from dataclasses import dataclass, field

# Customers without a discount of their own are among them.
PATHS = tuple(f"/{what}?item={item}&customer={customer}" for what in ("price", "order")
              for item in ("tea", "coffee", "honey") for customer in ("c-17", "c-42", "c-99"))
PAUSE_S = 0.02
ANSWER_LIMIT_S = 5


@dataclass
class Traffic:
    """Sends requests until it is stopped."""

    port: int
    answers: list[tuple[float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Traffic:
        self._thread = threading.Thread(target=self._send)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        for path in itertools.cycle(PATHS):
            if self._stop.wait(PAUSE_S):
                return
            self.answers.append((time.time(), self._ask(path)))

    def _ask(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_LIMIT_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 599  # no answer at all
        finally:
            connection.close()

    def failures(self) -> list[float]:
        """When requests failed."""
        return [at for at, status in list(self.answers) if status >= 500]

    def is_well_since(self, moment: float, requests: int) -> bool:
        """Whether so many requests were answered since then, and all of them well."""
        since = [status for at, status in list(self.answers) if at > moment]
        return len(since) >= requests and all(status < 500 for status in since[-requests:])
