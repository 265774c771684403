"""As much of Kafka's protocol as the stack needs: log in by SCRAM, ask who is there, grant permissions.

Kafka's own tools can do the same, at the price of one Java start (half a second to a second) for every question and
every three permissions, and of a password file each. All versions used here are the oldest that brokers still answer;
none has tagged fields.
"""
from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from .scram import ScramClient, ScramError

SASL_HANDSHAKE, SASL_AUTHENTICATE, METADATA, CREATE_ACLS = (17, 1), (36, 1), (3, 1), (30, 1)
TOPIC, GROUP, CLUSTER = 2, 3, 4
LITERAL, PREFIXED = 3, 4
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS, IDEMPOTENT_WRITE = 3, 4, 8, 10, 12
ALLOW = 3
CLUSTER_NAME = "kafka-cluster"
TIMEOUT_S = 10


class KafkaRefused(Exception):
    """The broker answered, and the answer is no: trying again will not help."""


@dataclass(frozen=True)
class Permission:
    """May `principal` do `operation` on this resource."""

    principal: str
    resource: int
    name: str
    pattern: int
    operation: int

    def encoded(self) -> bytes:
        return (struct.pack(">b", self.resource) + _string(self.name) + struct.pack(">b", self.pattern)
                + _string(f"User:{self.principal}") + _string("*") + struct.pack(">bb", self.operation, ALLOW))


class KafkaClient:
    """One logged-in connection. Raises OSError when nobody answers, KafkaRefused when the answer is no."""

    def __init__(self, port: int, username: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._correlation = 0
        try:
            self._log_in(username, password)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> KafkaClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def broker_count(self) -> int:
        """How many brokers take part (a broker that is still joining does not)."""
        answer = self._ask(METADATA, struct.pack(">i", 0))
        return answer.number(">i")

    def allow(self, permissions: list[Permission]) -> None:
        """Grants permissions; those that stand already are left as they are."""
        body = struct.pack(">i", len(permissions)) + b"".join(permission.encoded() for permission in permissions)
        answer = self._ask(CREATE_ACLS, body)
        answer.number(">i")  # throttle time
        for _ in range(answer.number(">i")):
            error, message = answer.number(">h"), answer.string()
            if error:
                raise KafkaRefused(f"cannot grant a permission: {message or f'error code {error}'}")

    def _log_in(self, username: str, password: str) -> None:
        handshake = self._ask(SASL_HANDSHAKE, _string("SCRAM-SHA-256"))
        if handshake.number(">h"):
            raise KafkaRefused("the broker does not offer SCRAM-SHA-256")
        scram = ScramClient(username, password)
        try:
            scram.verify(self._authenticate(scram.final(self._authenticate(scram.first()))))
        except ScramError as error:
            raise KafkaRefused(f"cannot log in as {username}: {error}") from error

    def _authenticate(self, message: bytes) -> bytes:
        answer = self._ask(SASL_AUTHENTICATE, struct.pack(">i", len(message)) + message)
        error, text = answer.number(">h"), answer.string()
        if error:
            raise KafkaRefused(text or f"error code {error}")
        return answer.bytes()

    def _ask(self, api: tuple[int, int], body: bytes) -> _Answer:
        self._correlation += 1
        request = struct.pack(">hhi", *api, self._correlation) + _string("brainops-stack") + body
        self._socket.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", self._receive(4))
        answer = _Answer(self._receive(size))
        if answer.number(">i") != self._correlation:
            raise ConnectionError("the broker answered another question")
        return answer

    def _receive(self, size: int) -> bytes:
        got = bytearray()
        while len(got) < size:
            more = self._socket.recv(size - len(got))
            if not more:
                raise ConnectionError("the broker closed the connection")
            got += more
        return bytes(got)


class _Answer:
    """Reads one answer from front to back."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def number(self, shape: str) -> int:
        (value,) = struct.unpack_from(shape, self._raw, self._at)
        self._at += struct.calcsize(shape)
        return value

    def string(self) -> str | None:
        raw = self._take(self.number(">h"))
        return None if raw is None else raw.decode()

    def bytes(self) -> bytes:
        return self._take(self.number(">i")) or b""

    def _take(self, size: int) -> bytes | None:
        if size < 0:
            return None
        self._at += size
        return self._raw[self._at - size:self._at]


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw
