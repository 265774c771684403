"""The stack folder: what one stack remembers and owns on disk.

    id              made once; ties what lies outside (Postgres data of root's stacks) to this folder
    settings.json   ports and profile, chosen once
    secrets/        one password per file, 0600
    run/            pid files
    logs/           one log per part
    kafka/          configuration and data
    registry/       where the registry works; its data is in Postgres
    postgres        a link to where Postgres lives
    state/          scratch of `brainops`
    brainops.toml   what `brainops` reads
"""
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from .process import Process
from .talk import StackError, say

SECRETS = ("kafka-appender", "kafka-reader", "kafka-admin", "kafka-broker", "postgres-superuser", "postgres-brainops", "postgres-registry")
PROFILES = ("default", "test")
YES_OR_NO = {"yes": True, "no": False}
OURS = ("brainops.toml", "kafka", "registry", "postgres", "state", "run", "logs", "secrets", "settings.json", "serve.pid",
        "host.pid", "demo", "id")


def cache_home() -> Path:
    """Where everything that can be fetched or made again lives."""
    named = os.environ.get("XDG_CACHE_HOME")
    base = _plain_path("XDG_CACHE_HOME", named) if named else Path("~/.cache").expanduser()
    return base / "brainops"


def _plain_path(variable: str, text: str) -> Path:
    """An absolute path without links, refused if it has what class paths, property files or TOML would read otherwise."""
    path = Path(text).resolve()
    if not re.fullmatch(r"[\w/.@+=~-]+", str(path)):
        raise StackError(f"{variable} is {str(path)!r}; it may hold letters, digits and / . _ - + = @ ~ "
                         "(no blanks, commas, colons or quotes)")
    return path


@contextlib.contextmanager
def file_lock(path: Path, waiting_for: str) -> Iterator[None]:
    """Holds an exclusive lock on a file; says so if it has to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("stack", f"waiting for {waiting_for}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class StackFolder:
    """One stack's folder, named by STACK_DIR."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def from_environment(cls) -> StackFolder:
        named = os.environ.get("STACK_DIR")
        return cls(_plain_path("STACK_DIR", named) if named else cache_home() / "stack")

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def exists(self) -> bool:
        return (self / "id").exists()

    def make(self) -> None:
        """Makes the folder and its secrets; what is there already stays."""
        for folder in (self.path, self / "secrets", self / "run", self / "logs", self / "kafka", self / "state"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.exists():
            self.write_private("id", secrets.token_hex(16))
        for name in SECRETS:
            if not (self / "secrets" / name).exists():
                self.write_private(f"secrets/{name}", secrets.token_urlsafe(24))

    def secret(self, name: str) -> str:
        return (self / "secrets" / name).read_text().strip()

    def identity(self) -> str:
        return (self / "id").read_text().strip()

    def place_hash(self) -> str:
        """A short name for this folder's path, for things that must live elsewhere."""
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]

    def write_private(self, name: str, text: str) -> Path:
        """Writes a file that only we can read, whole or not at all."""
        target = self / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        half = target.with_name(f".{target.name}.{os.getpid()}")
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        half.replace(target)
        return target

    def process(self, name: str) -> Process:
        return Process(name, self / "run" / f"{name}.pid", self / "logs" / f"{name}.log")

    def serve(self) -> Process:
        """The `brainops serve` of this stack, which writes its own pid file."""
        return Process("serve", self / "serve.pid")

    def host(self) -> Process:
        """The `brainops host` of this stack, which writes its own pid file."""
        return Process("host", self / "host.pid")

    def locked(self):
        """One command that changes the stack at a time."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return file_lock(self / "lock", f"another scripts/stack on {self.path}")

    def is_busy(self) -> bool:
        """Whether some command holds the lock at this moment."""
        try:
            descriptor = os.open(self / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)

    def settings(self) -> dict:
        try:
            return json.loads((self / "settings.json").read_text())
        except FileNotFoundError:
            return {}

    def ports(self) -> dict[str, int]:
        return self.settings().get("ports", {})

    def remember(self, **settings: object) -> None:
        self.write_private("settings.json", json.dumps({**self.settings(), **settings}, indent=1) + "\n")

    def profile(self) -> str:
        """STACK_PROFILE if it is set, else what this stack was last brought up with."""
        profile = os.environ.get("STACK_PROFILE") or self.settings().get("profile", "default")
        if profile not in PROFILES:
            raise StackError(f"STACK_PROFILE is {profile!r}; it may be {' or '.join(PROFILES)}")
        return profile

    def is_supervised(self) -> bool:
        """STACK_SUPERVISE if it is set, else what it was last, else by profile: tests kill parts on purpose."""
        said = os.environ.get("STACK_SUPERVISE")
        if not said:
            return self.settings().get("supervised", self.profile() != "test")
        if said not in YES_OR_NO:
            raise StackError(f"STACK_SUPERVISE is {said!r}; it may be yes or no")
        return YES_OR_NO[said]

    def settle_data(self, parts: tuple[str, ...]) -> None:
        """Remembers where a new stack puts its data: STACK_KAFKA_DATA and the like name folders on other disks."""
        settled = dict.fromkeys(parts, "") if self.ports() else {}  # made before there was a choice
        places = self.settings().get("data", settled)
        for part in parts:
            variable = f"STACK_{part.upper()}_DATA"
            named = os.environ.get(variable)
            wanted = str(_plain_path(variable, named) / f"{part}-{self.place_hash()}") if named else ""
            if named and wanted != places.setdefault(part, wanted):
                raise StackError(f"{variable} is {named!r}, but the data of {part} lies in {places[part] or 'its usual place'}; "
                                 "only a new stack can have it elsewhere")
            places.setdefault(part, wanted)
        self.remember(data=places)

    def elsewhere(self, part: str) -> Path | None:
        """The folder of a part's data if it is not at its usual place."""
        place = self.settings().get("data", {}).get(part)
        return Path(place) if place else None

    def destroy(self) -> None:
        """Removes what is ours and nothing else, so that a STACK_DIR with other things in it keeps them."""
        for name in OURS:
            path = self / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
