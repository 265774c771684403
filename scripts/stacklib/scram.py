"""SCRAM-SHA-256 (RFC 5802, RFC 7677): the client's half of the conversation, and what Postgres stores of a password."""
from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

POSTGRES_ITERATIONS = 4096


class ScramError(Exception):
    """The other side does not know the password either, or does not speak SCRAM."""


def postgres_verifier(password: str) -> str:
    """What `CREATE ROLE ... PASSWORD` takes instead of the password, so that no log can ever hold it."""
    salt = secrets.token_bytes(16)
    salted = _salted(password, salt, POSTGRES_ITERATIONS)
    stored, server = hashlib.sha256(_mac(salted, b"Client Key")).digest(), _mac(salted, b"Server Key")
    return f"SCRAM-SHA-256${POSTGRES_ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


class ScramClient:
    """One conversation: send first(), answer with final(), then verify()."""

    def __init__(self, username: str, password: str) -> None:
        self._password = password
        self._nonce = secrets.token_urlsafe(18)
        self._first_bare = f"n={username},r={self._nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        return f"n,,{self._first_bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        fields = _fields(server_first)
        if not fields.get("r", "").startswith(self._nonce):
            raise ScramError("the server answered another conversation")
        salted = _salted(self._password, base64.b64decode(fields["s"]), int(fields["i"]))
        without_proof = f"c=biws,r={fields['r']}"
        signed = ",".join([self._first_bare, server_first.decode(), without_proof]).encode()
        client_key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.sha256(client_key).digest(), signed)
        self._server_signature = _mac(_mac(salted, b"Server Key"), signed)
        proof = bytes(one ^ other for one, other in zip(client_key, signature))
        return f"{without_proof},p={_text(proof)}".encode()

    def verify(self, server_final: bytes) -> None:
        if base64.b64decode(_fields(server_final).get("v", "")) != self._server_signature:
            raise ScramError("the server could not prove that it knows the password")


def _fields(message: bytes) -> dict[str, str]:
    return dict(part.split("=", 1) for part in message.decode().split(",") if "=" in part)


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
